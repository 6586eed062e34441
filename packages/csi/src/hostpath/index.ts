// The reference driver: volumes in a folder of one node.

export { hostpath } from "./hostpath.ts";
export { type HostpathOptions, hostpathSchema } from "./options.ts";
