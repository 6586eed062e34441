// Containers reached by routes of the host, with the options of the Go plug-in ptp.

export type { MasqueradeConfig } from "../bridge/config-masquerade.ts";
export type { Ran, RunProgram } from "../iptables/run-program.ts";
export type { NetCalls } from "../net/net-calls.ts";
export type { PtpConfig } from "./config.ts";
export { createPtp, type PtpOptions } from "./plugin.ts";
