// The reference driver: volumes in a folder of one node.

import { defineExtension, type ExtensionModule } from "@kx/core";
import { hostpath } from "./hostpath.ts";
import { type HostpathOptions, hostpathSchema } from "./options.ts";

export { type HostpathOptions, hostpath, hostpathSchema };

/** What a host loads. */
export const extension: ExtensionModule = defineExtension({ options: hostpathSchema, create: hostpath });
