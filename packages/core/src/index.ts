export { sleep, systemClock } from "./clock.ts";
export type { Clock, Context, LogFields, Logger } from "./context.ts";
export { didYouMean } from "./did-you-mean.ts";
export { type ErrorCatalogue, type ErrorEntry, KxError, type KxErrorCode, type KxErrorOptions } from "./error.ts";
export { coreErrors } from "./errors.ts";
export {
  defineExtension,
  type Extension,
  type ExtensionKind,
  type ExtensionModule,
  type HostEnv,
  type KubeObject,
  type NodeNeeds,
  type RenderEnv,
  type Runnable,
  type RunnableGroup,
} from "./extension.ts";
export type { MetricFamily, MetricSample } from "./metrics/families.ts";
export type { Infer, JsonSchema, Schema, SchemaIssue, StandardResult, StandardSchema } from "./schema.ts";
