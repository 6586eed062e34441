// Settings of containers' interfaces and kernels.

export type { NetCalls } from "../net/net-calls.ts";
export type { TuningConfig, TuningSettings } from "./config.ts";
export { createTuning, type TuningOptions } from "./plugin.ts";
