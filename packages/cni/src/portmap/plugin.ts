import { KxError } from "@kx/core";
import { createIptables, requireIptables } from "../iptables/iptables.ts";
import type { RunProgram } from "../iptables/run-program.ts";
import type { HostPort, HostPorts } from "../net/host-ports.ts";
import { directNet, type NetCalls } from "../net/net-calls.ts";
import { validOwners } from "../plugin/address-management.ts";
import { containerAddresses, ownerOf, requireChained, requireNone } from "../plugin/chained.ts";
import type { CniPlugin, CniResult, DelRequest, NetnsRequest } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { createBackends } from "./backends.ts";
import { kindOf, type PortmapConfig, portmapConfig, readPorts } from "./config.ts";

const name = "kx-portmap";

/** How kx-portmap does its work. */
export interface PortmapOptions {
  /** Who does the work on the kernel's network. Default: this thread, which is only for a program that ends then. */
  readonly net?: NetCalls;
  /** Who runs the programs of iptables, and nft for conditions. Default: this process, where it is. */
  readonly run?: RunProgram;
}

/**
 * Lets ports of the node lead to those of a container, by nftables, or as the Go plug-in does it. It comes after the plug-in that attaches the
 * container, whose result it passes on.
 */
export function createPortmap({ net = directNet(), run }: PortmapOptions = {}): CniPlugin<PortmapConfig> {
  const backends = createBackends({ net, run });
  return defineCniPlugin<PortmapConfig>({
    name,
    config: portmapConfig,
    async add(request, ctx) {
      const ports = readPorts(request.config);
      const prevResult = requireChained(name, request.prevResult);
      if (ports.length === 0) return prevResult;
      const hostPorts = planPorts(request, prevResult, ports);
      if (hostPorts.addresses.length === 0) {
        ctx.log.warn({ ifName: request.ifName }, "no ports mapped, as the interface has no address");
      }
      const backend = backends.of[kindOf(request.config)];
      const warnings = await ctx.phase("host ports", () => backend.add(hostPorts, request.config, ctx));
      if (warnings.length > 0) ctx.log.warn({ warnings }, "flows of UDP not forgotten");
      return prevResult;
    },
    async del(request, ctx) {
      await ctx.phase("host ports", () => backends.delete(planDelete(request)));
    },
    async check(request) {
      const ports = readPorts(request.config);
      if (ports.length === 0) return;
      const expected = planPorts(request, request.prevResult, ports);
      requireNone(request, await backends.of[kindOf(request.config)].check(expected, request.config));
    },
    async status({ config }) {
      readPorts(config);
      if (kindOf(config) === "iptables") return await requireIptables(createIptables(run), "nat", "mapping ports");
      const problem = await net.call("nftablesProblem");
      if (problem === undefined) return;
      throw new KxError("KX_CNI_NOT_AVAILABLE", `ports cannot be mapped: ${problem}`, {
        remedy: "run it as root, on a kernel with nf_tables",
      });
    },
    async gc(request) {
      await backends.collect(validOwners(request));
    },
  });
}

function planPorts(
  request: NetnsRequest<PortmapConfig>,
  result: CniResult | undefined,
  ports: readonly HostPort[],
): HostPorts {
  const { snat = true, masqAll = false } = request.config;
  return {
    owner: ownerOf(request),
    netns: request.netns,
    addresses: firstOfFamilies(containerAddresses(result, request.ifName)),
    ports,
    masquerade: snat,
    masqueradeAll: masqAll,
  };
}

/** What to delete. A configuration that ADD would refuse, or a result that is missing, must not keep anything. */
function planDelete(request: DelRequest<PortmapConfig>) {
  try {
    return planPorts({ netns: "", ...request }, request.prevResult, readPorts(request.config));
  } catch {
    return { owner: ownerOf(request) };
  }
}

/** A port of the node leads to one address of each family. */
function firstOfFamilies(addresses: readonly string[]): readonly string[] {
  const ofFamily = (is6: boolean) => addresses.find((address) => address.includes(":") === is6) ?? [];
  return [ofFamily(false), ofFamily(true)].flat();
}
