import { KxError } from "@kx/core";
import type { IpRange, PluginConfig } from "@kx/core/contracts/cni";
import { formatIp, type Ip } from "@kx/core/units";
import {
  type AddressRange,
  formatRanges,
  poolSize,
  type RangeSet,
  rangesOverlap,
  readAddress,
  readRange,
} from "./address-range.ts";
import type { HostLocalConfig } from "./config.ts";

/** What addresses are given out of, and which of them are asked for. */
export interface Pool {
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Ip[];
}

interface NamedSet {
  /** Where it stands in the configuration. */
  readonly name: string;
  readonly ranges: readonly { readonly name: string; readonly config: IpRange }[];
}

/**
 * Reads the ranges and the requested addresses of a configuration: the runtime's ranges first, then the old form with a
 * single one, then the list.
 *
 * @throws KxError `KX_CNI_CONFIG`, which names everything that is wrong.
 */
export function readPool(config: PluginConfig & HostLocalConfig, args: Readonly<Record<string, string>>): Pool {
  if (args["IP"] !== undefined) return readAnew(config, args);
  const pool = known.get(config) ?? readAnew(config, args);
  known.set(config, pool);
  return pool;
}

/** A daemon gets the same configuration for each container. */
const known = new WeakMap<object, Pool>();

function readAnew(config: PluginConfig & HostLocalConfig, args: Readonly<Record<string, string>>): Pool {
  const problems: string[] = [];
  const report = (problem: string): void => void problems.push(problem);
  const named = namedSets(config);
  if (named.length === 0) report("ipam.ranges is missing: there are no ranges to give addresses out of");
  const sets = named.map((set) => readSet(set, report));
  reportOverlaps(named, sets, report);
  const families = sets.flatMap((set) => set[0]?.start.family ?? []);
  // Results of these versions have room for one address of each family.
  const isOld = config.cniVersion === "0.1.0" || config.cniVersion === "0.2.0";
  if (isOld && new Set(families).size < families.length) {
    report(`CNI version ${config.cniVersion} does not support more than 1 address per family`);
  }
  const requested = readRequested(config, args, report);
  if (problems.length === 0) return { sets, requested };
  throw new KxError("KX_CNI_CONFIG", `the configuration is wrong: ${problems.join("; ")}`);
}

function namedSets({ ipam, runtimeConfig }: PluginConfig & HostLocalConfig): readonly NamedSet[] {
  const list = (name: string, sets: readonly (readonly IpRange[])[] = []): readonly NamedSet[] =>
    sets.map((ranges, index) => ({
      name: `${name}[${index}]`,
      ranges: ranges.map((config, at) => ({ name: `${name}[${index}][${at}]`, config })),
    }));
  const { subnet } = ipam;
  const isOldForm = subnet !== undefined && subnet !== "";
  const old = isOldForm ? [{ name: "ipam", ranges: [{ name: "ipam", config: { ...ipam, subnet } }] }] : [];
  return [...list("runtimeConfig.ipRanges", runtimeConfig?.ipRanges), ...old, ...list("ipam.ranges", ipam.ranges)];
}

function readSet({ name, ranges }: NamedSet, report: (problem: string) => void): RangeSet {
  if (ranges.length === 0) report(`${name} holds no range`);
  const read = ranges.flatMap(
    (range) => readRange(range.config, (problem) => report(`${range.name}.${problem}`)) ?? [],
  );
  if (new Set(read.map(({ start }) => start.family)).size > 1) report(`${name} mixes IPv4 and IPv6`);
  if (read.length > 0 && poolSize(read) === 0n) report(`${name} has no address that a container may get`);
  return read;
}

function reportOverlaps(
  named: readonly NamedSet[],
  sets: readonly RangeSet[],
  report: (problem: string) => void,
): void {
  const all = sets.flatMap((set, index) => set.map((range) => ({ range, name: named[index]?.name ?? "" })));
  for (const [index, a] of all.entries()) {
    for (const b of all.slice(index + 1)) {
      if (!rangesOverlap(a.range, b.range)) continue;
      report(`${show(a.range)} of ${a.name} and ${show(b.range)} of ${b.name} overlap`);
    }
  }
}

const show = (range: AddressRange): string => formatRanges([range]);

/** Every address that is asked for, wherever it stands: each must be had. */
function readRequested(
  config: PluginConfig & HostLocalConfig,
  args: Readonly<Record<string, string>>,
  report: (problem: string) => void,
): readonly Ip[] {
  const places = [
    ["IP of CNI_ARGS", args["IP"] === undefined || args["IP"] === "" ? [] : [args["IP"]]],
    ["args.cni.ips", config.args?.cni?.ips ?? []],
    ["runtimeConfig.ips", config.runtimeConfig?.ips ?? []],
  ] as const;
  const found = new Map<string, Ip>();
  for (const [name, texts] of places) {
    for (const text of texts) {
      const ip = readAddress(text.replace(/\/\d{1,3}$/, ""));
      if (ip === undefined) report(`${name} ${JSON.stringify(text)} is no IP address`);
      else found.set(formatIp(ip), ip);
    }
  }
  return [...found.values()];
}
