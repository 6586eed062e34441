import type { NetCalls } from "@kx/cni/bridge";
import type { TestNetns } from "@kx/cni/testing";
import { inNetns } from "@kx/core/linux";
import { netHandlers } from "../../../src/net/handlers.ts";

/** Has work on the network done in a namespace, which so plays the node for a plug-in in this process. */
export function netOf(host: TestNetns): NetCalls {
  return {
    // Each name goes with its own arguments and result, which TypeScript cannot follow through a table.
    call: async (name, ...args) => inNetns(host.path, () => Reflect.apply(netHandlers[name], undefined, args)),
  };
}
