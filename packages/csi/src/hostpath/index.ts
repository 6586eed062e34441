// The reference driver: volumes in folders of the nodes.

export { extension } from "./extension.ts";
export { hostpath } from "./hostpath.ts";
export { type HostpathExtensionOptions, type HostpathOptions, hostpathSchema } from "./options.ts";
