import { KxError } from "@kx/core";
import { directNet, type NetCalls } from "../net/net-calls.ts";
import { validOwners } from "../plugin/address-management.ts";
import { hostInterfaces, ownerOf, requireChained, requireNone } from "../plugin/chained.ts";
import type { CniPlugin, CniResult, NetnsRequest } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { type BandwidthConfig, bandwidthConfig, type Limits, readLimits } from "./config.ts";
import type { Bandwidths } from "./data-path.ts";

const name = "kx-bandwidth";

/** How kx-bandwidth does its work. */
export interface BandwidthOptions {
  /** Who does the work on the kernel's network. Default: this thread, which is only for a program that ends then. */
  readonly net?: NetCalls;
}

/**
 * Limits what a container sends and receives, with the options and results of the Go plug-in bandwidth. It comes after the
 * plug-in that attaches the container by a veth pair.
 */
export function createBandwidth({ net = directNet() }: BandwidthOptions = {}): CniPlugin<BandwidthConfig> {
  return defineCniPlugin<BandwidthConfig>({
    name,
    config: bandwidthConfig,
    async add(request, ctx) {
      const limits = readLimits(request.config);
      const prevResult = requireChained(name, request.prevResult);
      if (isNone(limits)) return prevResult;
      const bandwidths = planLimits(request, prevResult, limits);
      const ifb = await ctx.phase("bandwidth", () => net.call("bandwidthAdd", bandwidths));
      ctx.undo(() => net.call("bandwidthDelete", bandwidths));
      if (ifb === undefined) return prevResult;
      return { ...prevResult, interfaces: [...(prevResult.interfaces ?? []), ifb] };
    },
    async del(request, ctx) {
      const { netns } = request;
      const made = { owner: ownerOf(request), hostInterfaces: hostInterfaces(request.prevResult) };
      await ctx.phase("bandwidth", () => net.call("bandwidthDelete", netns === undefined ? made : { ...made, netns }));
    },
    async check(request) {
      const limits = readLimits(request.config);
      if (isNone(limits)) return;
      requireNone(request, await net.call("bandwidthCheck", planLimits(request, request.prevResult, limits)));
    },
    async status({ config }) {
      readLimits(config);
      const problem = await net.call("bandwidthProblem");
      if (problem === undefined) return;
      throw new KxError("KX_CNI_NOT_AVAILABLE", `nothing can be limited: ${problem}`, {
        remedy: "run it as root, on a kernel with traffic control (CONFIG_NET_SCHED)",
      });
    },
    async gc(request, ctx) {
      const removed = await net.call("bandwidthCollect", validOwners(request));
      if (removed.length > 0) ctx.log.info({ network: request.config.name, removed }, "stale interfaces removed");
    },
  });
}

function isNone({ ingress, egress }: Limits): boolean {
  return ingress === undefined && egress === undefined;
}

function planLimits(request: NetnsRequest<BandwidthConfig>, result: CniResult, limits: Limits): Bandwidths {
  return {
    owner: ownerOf(request),
    netns: request.netns,
    hostInterfaces: hostInterfaces(result),
    ...limits,
  };
}
