export type { ObjectMeta, OwnerReference, Status } from "./api/gen/meta-v1.ts";
export { controllerOf, controllerReference, isControlledBy } from "./api/owner.ts";
export {
  apiVersionOf,
  type Cached,
  type DeepReadonly,
  keyOf,
  metadataOf,
  type ObjectKey,
  type ObjectLike,
  type ObjectRef,
  type Resource,
  refOf,
  type Stored,
} from "./api/resource.ts";
export { type Cache, type CacheOptions, type CacheReader, createCache } from "./cache/cache.ts";
export type { Informer, InformerHandler, SubscribeOptions } from "./cache/informer.ts";
export type { CacheSelection } from "./cache/selection.ts";
export type { IndexBy } from "./cache/store.ts";
export type { Trimmed } from "./cache/trim.ts";
export { type Client, type ClientOptions, createClient, type ObjectList, type Scale } from "./client/client.ts";
export type { Discovery } from "./client/discovery.ts";
export type {
  CallOptions,
  ChangeOptions,
  DeleteOptions,
  ListOptions,
  PatchOptions,
  Selection,
  WatchOptions,
} from "./client/options.ts";
export type { InvalidField } from "./client/remedy.ts";
export {
  type AccessVerdict,
  type ReviewedAccess,
  type ReviewedUser,
  type ReviewTokenOptions,
  reviewAccess,
  reviewToken,
} from "./client/reviews.ts";
export { isNotFound } from "./client/status-error.ts";
export type { WatchEvent } from "./client/watch-event.ts";
export type { ClientConfig, Credentials } from "./config.ts";
export {
  type Controller,
  type ControllerDefinition,
  defineController,
  type ReconcileContext,
  type ReconcileRequest,
} from "./controller/define-controller.ts";
export {
  type CustomObject,
  type CustomResource,
  defineResource,
  type ResourceDefinition,
} from "./controller/define-resource.ts";
export {
  and,
  annotationChanged,
  type Change,
  generationChanged,
  labelChanged,
  not,
  or,
  type Predicate,
} from "./controller/predicates.ts";
export { done, type Result, requeue, requeueAfter, terminal } from "./controller/result.ts";
export {
  type CacheIndex,
  index,
  type OwnedResource,
  type WatchedResource,
  type WatchOptions as WatchedOptions,
  watch,
} from "./controller/watched.ts";
export { controllersErrors } from "./errors.ts";
export {
  createEventRecorder,
  type EventInput,
  type EventRecorder,
  type EventRecorderOptions,
  type EventsApi,
  type EventTarget,
} from "./events/recorder.ts";
export { electLeader, type LeaderElectionOptions } from "./leader/elect-leader.ts";
export type { ElectionOptions } from "./leader/election.ts";
export type { ElectionTimes } from "./leader/lease.ts";
export {
  bucketLimiter,
  exponentialLimiter,
  maxOfLimiters,
  type OverallRate,
  type RateLimiter,
} from "./queue/rate-limit.ts";
export { createWorkQueue, lowPriority, type WorkQueue, type WorkQueueOptions } from "./queue/work-queue.ts";
export type { TransportRequest, TransportStream } from "./transport/exchange.ts";
export type { SessionTimes } from "./transport/session.ts";
export { createTransport, type Transport, type TransportResponse } from "./transport/transport.ts";
