// Containers' packets in the node's firewall.

export type { Ran, RunProgram } from "../iptables/run-program.ts";
export type { NetCalls } from "../net/net-calls.ts";
export type { FirewallConfig } from "./config.ts";
export type { IngressPolicy } from "./data-path.ts";
export { createFirewall, type FirewallOptions } from "./plugin.ts";
