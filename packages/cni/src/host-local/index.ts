// Address management of one host, with the files of the Go plug-in host-local.

export type { HostLocalConfig, HostLocalIpam } from "./config.ts";
export { createHostLocal, type HostLocalOptions } from "./plugin.ts";
