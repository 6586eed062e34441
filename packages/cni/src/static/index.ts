// Address management that gives the addresses of the configuration.

export type { StaticAddress, StaticConfig } from "./config.ts";
export { createStatic } from "./plugin.ts";
