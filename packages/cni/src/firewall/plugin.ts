import { KxError } from "@kx/core";
import type { RunProgram } from "../iptables/run-program.ts";
import { directNet, type NetCalls } from "../net/net-calls.ts";
import { validOwners } from "../plugin/address-management.ts";
import { containerAddresses, hostInterfaces, ownerOf, requireChained, requireNone } from "../plugin/chained.ts";
import type { CniPlugin, CniResult, NetnsRequest } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { type FirewallConfig, firewallConfig, firewallKind } from "./config.ts";
import type { Firewall } from "./data-path.ts";
import { createIptablesFirewall } from "./iptables.ts";

const name = "kx-firewall";

/** How kx-firewall does its work. */
export interface FirewallOptions {
  /** Who does the work on the kernel's network. Default: this thread, which is only for a program that ends then. */
  readonly net?: NetCalls;
  /** Who runs the programs of iptables, for that backend. Default: this process, where it is. */
  readonly run?: RunProgram;
}

/**
 * Lets a container's packets through the node's firewall, and keeps those of other containers away where a policy says so;
 * by nftables, or by iptables as the Go plug-in does it. It comes after the plug-in that attaches the container, whose result it passes on.
 *
 * By nftables, what is sent by a container, and what answers that, is accepted in the table `inet kx_firewall`, marked with the bit 0x1000
 * and accepted in the FORWARD chains of iptables (nf_tables) too. Filters of others that drop by default have to let packets
 * with that mark through themselves.
 */
export function createFirewall({ net = directNet(), run }: FirewallOptions = {}): CniPlugin<FirewallConfig> {
  const iptables = createIptablesFirewall({ net, run });
  return defineCniPlugin<FirewallConfig>({
    name,
    config: firewallConfig,
    async add(request, ctx) {
      const kind = firewallKind(request.config);
      const prevResult = requireChained(name, request.prevResult);
      const firewall = planFirewall(request, prevResult);
      if (kind === "iptables") {
        await ctx.phase("iptables", () => iptables.add(firewall, request.config, ctx));
      } else {
        await ctx.phase("firewall", () => net.call("firewallAdd", firewall));
        ctx.undo(() => net.call("firewallDelete", firewall));
      }
      return prevResult;
    },
    async del(request, ctx) {
      const { prevResult, ifName } = request;
      const addresses = containerAddresses(prevResult, ifName);
      const owner = ownerOf(request);
      await ctx.phase("firewall", () => net.call("firewallDelete", { owner, addresses, ...portOf(prevResult) }));
      await iptables.delete(owner, addresses);
    },
    async check(request) {
      const firewall = planFirewall(request, request.prevResult);
      const isByIptables = firewallKind(request.config) === "iptables";
      const check = () =>
        isByIptables ? iptables.check(firewall, request.config) : net.call("firewallCheck", firewall);
      requireNone(request, await check());
    },
    async status({ config }) {
      if (firewallKind(config) === "iptables") return await iptables.requireUsable();
      const problem = await net.call("nftablesProblem");
      if (problem === undefined) return;
      throw new KxError("KX_CNI_NOT_AVAILABLE", `nothing can be let through: ${problem}`, {
        remedy: "run it as root, on a kernel with nf_tables",
      });
    },
    async gc(request) {
      await net.call("firewallCollect", validOwners(request));
      await iptables.collect(validOwners(request));
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
