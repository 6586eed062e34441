// The kubelet's pods API v1alpha1. Pods are bytes here: a core/v1 Pod in protobuf, left undecoded.

export { EventType, Pods } from "./gen/v1alpha1_pb.ts";

// What a call carries, as it is received.

export type {
  GetPodRequest,
  GetPodResponse,
  ListPodsRequest,
  ListPodsResponse,
  WatchPodsEvent,
  WatchPodsRequest,
} from "./gen/v1alpha1_pb.ts";

// What a handler returns.

export type { GetPodResult, ListPodsResult, WatchPodsResult } from "./results.ts";

// Schemas, for kits and proxies: handlers need none.

export {
  GetPodRequestSchema,
  GetPodResponseSchema,
  ListPodsRequestSchema,
  ListPodsResponseSchema,
  WatchPodsEventSchema,
  WatchPodsRequestSchema,
} from "./gen/v1alpha1_pb.ts";
