// Containers on a bridge of the host, with the options of the Go plug-in bridge.

export { type CniExtensionOptions, cniExtension, extension } from "../extension/extension.ts";
export type { Ran, RunProgram } from "../iptables/run-program.ts";
export type { NetCalls } from "../net/net-calls.ts";
export type { BridgeConfig } from "./config.ts";
export type { MasqueradeConfig } from "./config-masquerade.ts";
export type { VlanTrunk } from "./config-vlan.ts";
export { type BridgeOptions, createBridge } from "./plugin.ts";
