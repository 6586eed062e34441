// The container's loopback interface.

export type { NetCalls } from "../net/net-calls.ts";
export { createLoopback, type LoopbackOptions } from "./plugin.ts";
