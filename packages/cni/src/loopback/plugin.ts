import { KxError } from "@kx/core";
import { directNet, type NetCalls } from "../net/net-calls.ts";
import type { CheckRequest, CniPlugin, CniResult } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";

const name = "lo";

/** How kx-loopback does its work. */
export interface LoopbackOptions {
  /** Who does the work on the kernel's network. Default: this thread, which is only for a program that ends then. */
  readonly net?: NetCalls;
}

/** Sets the container's loopback up, whatever interface name the runtime gives. It keeps no state. */
export function createLoopback({ net = directNet() }: LoopbackOptions = {}): CniPlugin {
  return defineCniPlugin({
    name: "kx-loopback",
    async add({ netns, prevResult }, ctx) {
      const addresses = await ctx.phase("loopback", () => net.call("loopbackUp", netns));
      return prevResult ?? resultOf(netns, addresses);
    },
    async del({ netns }) {
      if (netns !== undefined) await net.call("loopbackDown", netns);
    },
    async check(request) {
      const problems = await net.call("loopbackCheck", request.netns, ownAddresses(request));
      if (problems.length === 0) return;
      throw new KxError("KX_CNI_CHECK", `the loopback of ${request.containerId}: ${problems.join("; ")}`, {
        details: { problems },
        remedy: "delete the pod, so that its network is made anew",
      });
    },
  });
}

function resultOf(sandbox: string, addresses: readonly string[]): CniResult {
  return {
    interfaces: [{ name, mac: "00:00:00:00:00:00", sandbox }],
    ips: addresses.map((address) => ({ address, interface: 0 })),
  };
}

/** What the result gives to the loopback. Chained, that is nothing: then it was another's result. */
function ownAddresses({ prevResult: { interfaces = [], ips = [] } }: CheckRequest<unknown>): readonly string[] {
  const own = interfaces.findIndex((one) => one.name === name && one.sandbox);
  return own < 0 ? [] : ips.filter((ip) => ip.interface === own).map(({ address }) => address);
}
