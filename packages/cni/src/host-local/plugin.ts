import { KxError, type Logger } from "@kx/core";
import { formatCidr, formatIp } from "@kx/core/units";
import type { CniContext, CniPlugin, CniResult } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { formatRanges } from "./address-range.ts";
import { defaultDataDir, type HostLocalConfig, hostLocalConfig } from "./config.ts";
import type { Waiter } from "./folder-lock.ts";
import { createLeaseStore, type LeaseRequest, type LeaseStore } from "./lease-store.ts";
import { otherLeases } from "./other-leases.ts";
import type { Grant } from "./plan-leases.ts";
import { readPool } from "./pool.ts";
import { readResolvConf } from "./resolv-conf.ts";

/** How kx-host-local behaves, beside what the network's configuration says. */
export interface HostLocalOptions {
  /** How long a call waits for others that use the network's leases. Default: 30,000 ms. */
  readonly lockWaitMs?: number;
  /** Tells free addresses that must not be given yet, as their last holder's interface is still being deleted. Default: none. */
  readonly isCooling?: (network: string, ip: string) => boolean;
}

/**
 * Address management of one host, with the options and files of the Go plug-in host-local: either can go on with the
 * other's leases, also at the same time. A value that serves many calls keeps the leases in memory and only checks that
 * nobody else has changed them.
 */
export function createHostLocal(options: HostLocalOptions = {}): CniPlugin<HostLocalConfig> {
  const { lockWaitMs = 30_000, isCooling = () => false } = options;
  const stores = new Map<string, LeaseStore>();
  const storeOf = ({ name, ipam }: NetworkLeases): LeaseStore => {
    const dataDir = ipam.dataDir || defaultDataDir;
    const key = `${dataDir}\0${name}`;
    const store = stores.get(key) ?? createLeaseStore(dataDir, name);
    stores.set(key, store);
    return store;
  };
  const waiterOf = ({ signal, clock }: CniContext): Waiter => ({ signal, clock, waitMs: lockWaitMs });
  // What was made is taken back although nobody waits any more.
  const undoWaiter = (ctx: CniContext): Waiter => ({ ...waiterOf(ctx), signal: new AbortController().signal });

  return defineCniPlugin<HostLocalConfig>({
    name: "kx-host-local",
    config: hostLocalConfig,
    async add({ containerId, ifName, netns, args, config }, ctx) {
      const pool = readPool(config, args);
      const dns = config.ipam.resolvConf ? readResolvConf(config.ipam.resolvConf) : undefined;
      const store = storeOf(config);
      const isElsewhere = otherLeases(config);
      const request: LeaseRequest = {
        containerId,
        ifName,
        netns,
        isBarred: (ip) => isCooling(config.name, ip) || isElsewhere(ip),
        onReclaimed: (ips) => logReclaimed(ctx.log, config.name, ips),
      };
      const grants = await ctx.phase("lease", () => store.allocate(pool, request, waiterOf(ctx)));
      ctx.undo(() => store.giveBack({ containerId, ifName }, grants, undoWaiter(ctx)));
      const { routes } = config.ipam;
      return { ips: grants.map(toIp), ...(routes && { routes }), ...(dns && { dns }) };
    },
    async del({ containerId, ifName, config }, ctx) {
      await storeOf(config).release({ containerId, ifName }, waiterOf(ctx));
    },
    async check({ containerId, ifName, args, config }, ctx) {
      const pool = readPool(config, args);
      const missing = await storeOf(config).missing(pool, { containerId, ifName }, waiterOf(ctx));
      if (missing.length === 0) return;
      const ranges = pool.sets.filter((_, index) => missing.includes(index)).map(formatRanges);
      throw new KxError("KX_CNI_LEASE_MISSING", `${ifName} of ${containerId} has no lease in ${ranges.join(" and ")}`, {
        remedy: "delete the attachment and add it again",
      });
    },
    async status({ config }, ctx) {
      const pool = readPool(config, {});
      const shortage = await storeOf(config)
        .shortage(pool, waiterOf(ctx))
        .catch((error: unknown) => KxError.from(error));
      if (shortage === undefined) return;
      const { reason, remedy } = shortage;
      throw new KxError("KX_CNI_NOT_AVAILABLE", reason, { cause: shortage, ...(remedy !== undefined && { remedy }) });
    },
    async gc({ config, validAttachments }, ctx) {
      const valid = validAttachments?.map(({ containerID, ifname }) => ({ containerId: containerID, ifName: ifname }));
      const removed = await storeOf(config).collect(valid, waiterOf(ctx));
      if (removed > 0) ctx.log.info({ network: config.name, removed }, "stale leases removed");
    },
  });
}

interface NetworkLeases {
  readonly name: string;
  readonly ipam: { readonly dataDir?: string };
}

function toIp({ ip, range }: Grant): NonNullable<CniResult["ips"]>[number] {
  return { address: formatCidr({ base: ip, prefix: range.subnet.prefix }), gateway: formatIp(range.gateway) };
}

function logReclaimed(log: Logger, network: string, ips: readonly string[]): void {
  log.info({ network, ips }, "addresses reclaimed from attachments whose namespace is gone");
}
