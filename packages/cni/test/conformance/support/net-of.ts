import type { NetCalls } from "@kx/cni/bridge";
import type { TestNetns } from "@kx/cni/testing";
import { inNetns } from "@kx/core/linux";
import { type RunProgram, runProgram } from "../../../src/iptables/run-program.ts";
import { netHandlers } from "../../../src/net/handlers.ts";

/** Has work on the network done in a namespace, which so plays the node for a plug-in in this process. */
export function netOf(host: TestNetns): NetCalls {
  return {
    // Each name goes with its own arguments and result, which TypeScript cannot follow through a table.
    call: async (name, ...args) => inNetns(host.path, () => Reflect.apply(netHandlers[name], undefined, args)),
  };
}

/** Runs programs in a namespace. */
export function runIn(host: TestNetns): RunProgram {
  return (program, args, stdin) => runProgram("nsenter", [`--net=${host.path}`, program, ...args], stdin);
}
