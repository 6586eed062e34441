import { KxError } from "@kx/core";
import { directNet, type NetCalls } from "../net/net-calls.ts";
import { validOwners } from "../plugin/address-management.ts";
import { containerAddresses, hostInterfaces, ownerOf, requireChained, requireNone } from "../plugin/chained.ts";
import type { CniPlugin, CniResult, NetnsRequest } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { type FirewallConfig, firewallConfig, requireSupported } from "./config.ts";
import type { Firewall } from "./data-path.ts";

const name = "kx-firewall";

/** How kx-firewall does its work. */
export interface FirewallOptions {
  /** Who does the work on the kernel's network. Default: this thread, which is only for a program that ends then. */
  readonly net?: NetCalls;
}

/**
 * Lets a container's packets through the node's firewall, and keeps those of other containers away where a policy says so;
 * by nftables alone. It comes after the plug-in that attaches the container, whose result it passes on.
 *
 * What is sent by a container, and what answers that, is accepted in the table `inet kx_firewall`, marked with the bit 0x1000
 * and accepted in the FORWARD chains of iptables (nf_tables) too. Filters of others that drop by default have to let packets
 * with that mark through themselves.
 */
export function createFirewall({ net = directNet() }: FirewallOptions = {}): CniPlugin<FirewallConfig> {
  return defineCniPlugin<FirewallConfig>({
    name,
    config: firewallConfig,
    async add(request, ctx) {
      requireSupported(request.config);
      const prevResult = requireChained(name, request.prevResult);
      const firewall = planFirewall(request, prevResult);
      await ctx.phase("firewall", () => net.call("firewallAdd", firewall));
      ctx.undo(() => net.call("firewallDelete", firewall));
      return prevResult;
    },
    async del(request, ctx) {
      const { prevResult, ifName } = request;
      const addresses = containerAddresses(prevResult, ifName);
      await ctx.phase("firewall", () =>
        net.call("firewallDelete", { owner: ownerOf(request), addresses, ...portOf(prevResult) }),
      );
    },
    async check(request) {
      requireSupported(request.config);
      requireNone(request, await net.call("firewallCheck", planFirewall(request, request.prevResult)));
    },
    async status({ config }) {
      requireSupported(config);
      const problem = await net.call("nftablesProblem");
      if (problem === undefined) return;
      throw new KxError("KX_CNI_NOT_AVAILABLE", `nothing can be let through: ${problem}`, {
        remedy: "run it as root, on a kernel with nf_tables",
      });
    },
    async gc(request) {
      await net.call("firewallCollect", validOwners(request));
    },
  });
}

function planFirewall(request: NetnsRequest<FirewallConfig>, result: CniResult): Firewall {
  const { ingressPolicy = "open" } = request.config;
  const [bridge] = hostInterfaces(result);
  return {
    owner: ownerOf(request),
    netns: request.netns,
    addresses: containerAddresses(result, request.ifName),
    policy: ingressPolicy,
    ...(bridge === undefined ? {} : { bridge }),
    ...portOf(result),
  };
}

/** Results of bridges name the bridge first, then its port. */
function portOf(result: CniResult | undefined): { readonly port?: string } {
  const [, port] = hostInterfaces(result);
  return port === undefined ? {} : { port };
}
