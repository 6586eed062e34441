// Limits of what containers send and receive.

export type { NetCalls } from "../net/net-calls.ts";
export type { BandwidthConfig } from "./config.ts";
export { type BandwidthOptions, createBandwidth } from "./plugin.ts";
