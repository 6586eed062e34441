// The container runtime's side of CNI: what libcni is for Go.

export type { CniResult } from "../plugin/cni-plugin.ts";
export type { Environment } from "../plugin/environment.ts";
export type { AttachmentTarget } from "./attachment.ts";
export type { CachedAttachment } from "./cache.ts";
export { loadNetwork, loadNetworks, type NetworkFile } from "./load.ts";
export { type Network, parseNetwork } from "./network.ts";
export { type CniRuntime, type CniRuntimeOptions, createCniRuntime, type OperationOptions } from "./runtime.ts";
