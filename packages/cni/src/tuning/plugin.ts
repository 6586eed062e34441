import { directNet, type NetCalls } from "../net/net-calls.ts";
import { validOwners } from "../plugin/address-management.ts";
import { ownerOf, requireChained, requireNone } from "../plugin/chained.ts";
import type { CniPlugin, CniResult, NetnsRequest } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import type { LinkValues } from "./backup.ts";
import { dataDirOf, readTuning, type TuningConfig, tuningConfig } from "./config.ts";
import type { Tuning } from "./data-path.ts";

const name = "kx-tuning";

/** How kx-tuning does its work. */
export interface TuningOptions {
  /** Who does the work on the kernel's network. Default: this thread, which is only for a program that ends then. */
  readonly net?: NetCalls;
  /**
   * A file of regular expressions, a line each, one of which each setting of the kernel must match; without the file all
   * below `net` are allowed. Default: /etc/cni/tuning/allowlist.conf.
   */
  readonly allowlistFile?: string;
}

/**
 * Sets a container's interface and its kernel's settings, with the options of the Go plug-in tuning; DEL sets back what was
 * before. It comes after the plug-in that attaches the container.
 */
export function createTuning(options: TuningOptions = {}): CniPlugin<TuningConfig> {
  const { net = directNet(), allowlistFile = "/etc/cni/tuning/allowlist.conf" } = options;
  const plan = (request: NetnsRequest<TuningConfig>): Tuning => ({
    owner: ownerOf(request),
    netns: request.netns,
    ...readTuning(request, allowlistFile),
  });
  return defineCniPlugin<TuningConfig>({
    name,
    config: tuningConfig,
    async add(request, ctx) {
      const tuning = plan(request);
      const prevResult = requireChained(name, request.prevResult);
      if (isNothing(tuning)) return prevResult;
      const tuned = await ctx.phase("tuning", () => net.call("tuningApply", tuning));
      ctx.undo(() => net.call("tuningUndo", tuning, tuned));
      return withValues(prevResult, request.ifName, tuning.link);
    },
    async del(request, ctx) {
      const { netns } = request;
      const kept = { owner: ownerOf(request), dataDir: dataDirOf(request.config) };
      const problems = await ctx.phase("tuning", () =>
        net.call("tuningRestore", netns === undefined ? kept : { ...kept, netns }),
      );
      // A container must not stay for this.
      if (problems.length > 0) ctx.log.warn({ problems }, "not everything was set back");
    },
    async check(request) {
      const tuning = plan(request);
      if (!isNothing(tuning)) requireNone(request, await net.call("tuningCheck", tuning));
    },
    async status({ config }) {
      readTuning({ config, args: {}, ifName: "eth0" }, allowlistFile);
    },
    async gc(request, ctx) {
      const removed = await net.call("tuningCollect", dataDirOf(request.config), validOwners(request));
      if (removed > 0) ctx.log.info({ network: request.config.name, removed }, "stale backups removed");
    },
  });
}

function isNothing({ link, sysctl }: Tuning): boolean {
  return Object.keys(link).length === 0 && Object.keys(sysctl).length === 0;
}

function withValues(result: CniResult, ifName: string, { mac, mtu }: LinkValues): CniResult {
  if (result.interfaces === undefined) return result;
  const interfaces = result.interfaces.map((one) => {
    if (one.name !== ifName || !one.sandbox) return one;
    const size = mtu === undefined || one.mtu === undefined ? {} : { mtu };
    return { ...one, ...(mac === undefined ? {} : { mac }), ...size };
  });
  return { ...result, interfaces };
}
