// CNI plug-ins: how to define and run one.

export { cniErrors } from "./errors.ts";
export type { PhaseTiming } from "./plugin/call-plugin.ts";
export type {
  AttachmentRequest,
  CheckRequest,
  CniContext,
  CniHandlers,
  CniPlugin,
  CniResult,
  DelRequest,
  GcRequest,
  NetnsRequest,
  StatusRequest,
} from "./plugin/cni-plugin.ts";
export { createDecodedConfigs, type DecodedConfigs } from "./plugin/config.ts";
export { defineCniPlugin } from "./plugin/define-plugin.ts";
export type { Environment } from "./plugin/environment.ts";
export { ownFailure } from "./plugin/failure.ts";
export { type CniCall, type CniOutcome, type CniServices, handleCniCall } from "./plugin/handle-call.ts";
export { type RequestedValue, requestedValue } from "./plugin/requested.ts";
export { readResult, writeResult } from "./plugin/results.ts";
export { type RunCniOptions, runCniPlugin } from "./plugin/run-plugin.ts";
