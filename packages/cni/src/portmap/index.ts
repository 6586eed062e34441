// Ports of the node that lead to those of containers.

export type { Ran, RunProgram } from "../iptables/run-program.ts";
export type { NetCalls } from "../net/net-calls.ts";
export type { PortmapConfig } from "./config.ts";
export { createPortmap, type PortmapOptions } from "./plugin.ts";
