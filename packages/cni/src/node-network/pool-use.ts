import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isUsable, poolSize, rangeHolds, readAddress, readRange } from "../host-local/address-range.ts";
import type { Warning } from "./warnings.ts";

/** How much of a range is given to pods. */
export interface PoolUse {
  readonly range: string;
  readonly size: bigint;
  readonly free: bigint;
}

/** Counts what is left of ranges. Pure. @param leases - names of the files of leases; what is no address does not count. */
export function planPoolUse(ranges: readonly string[], leases: Iterable<string>): readonly PoolUse[] {
  const given = [...new Set(leases)].flatMap((name) => readAddress(name) ?? []);
  return ranges.flatMap((subnet) => {
    const range = readRange({ subnet }, () => undefined);
    if (range === undefined) return [];
    const size = poolSize([range]);
    const used = given.filter((ip) => rangeHolds(range, ip) && isUsable(range, ip)).length;
    return [{ range: subnet, size, free: size - BigInt(used) }];
  });
}

/** What users should know of ranges that are used up. Pure. */
export function poolWarnings(pools: readonly PoolUse[]): Warning[] {
  return pools
    .filter(({ free }) => free <= 0n)
    .map(({ range, size }) => ({
      reason: "AddressesExhausted",
      message: `all ${size} addresses of ${range} are in use: new pods of this node wait until others end; lower the kubelet's maxPods, or give nodes larger ranges`,
    }));
}

/** The names of all leases below a folder, which has one for each network: all networks of a node share its ranges. */
export async function readLeases(dataDir: string): Promise<readonly string[]> {
  const namesIn = (folder: string) => readdir(folder).catch(() => []);
  const folders = (await namesIn(dataDir)).filter((name) => !name.startsWith("."));
  return (await Promise.all(folders.map((name) => namesIn(join(dataDir, name))))).flat();
}
