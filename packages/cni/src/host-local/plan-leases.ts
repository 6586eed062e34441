import { KxError } from "@kx/core";
import { formatIp, type Ip } from "@kx/core/units";
import { type AddressRange, formatRanges, isUsable, poolSize, type RangeSet, rangeHolds } from "./address-range.ts";
import type { Pool } from "./pool.ts";

/** An address of a range, for a container. */
export interface Grant {
  readonly ip: Ip;
  readonly range: AddressRange;
  /** Index of its set, under which the last reserved address is remembered. */
  readonly set: number;
}

/** What is known of the leases that are there. */
export interface LeaseView {
  isTaken(ip: Ip): boolean;
  /** The address given last out of a set; the search goes on behind it, so that addresses are not soon given again. */
  lastReserved(set: number): Ip | undefined;
  /** What the container's interface has already. */
  readonly own: readonly Ip[];
}

/** What to give. With a failure, nothing is given, but the search went as far as the grants. */
export interface LeasePlan {
  readonly grants: readonly Grant[];
  readonly failure?: KxError;
}

/** Decides on one address of each set. */
export function planLeases({ sets, requested }: Pool, view: LeaseView): LeasePlan {
  const grants: Grant[] = [];
  const left = new Set(requested);
  for (const [index, set] of sets.entries()) {
    const wanted = [...left].find((ip) => set.some((range) => rangeHolds(range, ip)));
    if (wanted !== undefined) left.delete(wanted);
    const outcome = choose(set, wanted, view, view.lastReserved(index));
    if (KxError.is(outcome)) return { grants, failure: outcome };
    grants.push({ ...outcome, set: index });
  }
  if (left.size === 0) return { grants };
  const reason = `cannot give the requested ${[...left].map(formatIp).join(", ")}: one address is given out of each of ${sets
    .map(formatRanges)
    .join(" and ")}`;
  return { grants, failure: new KxError("KX_CNI_CONFIG", reason, { remedy: "ask for one address of each range set" }) };
}

function choose(
  set: RangeSet,
  wanted: Ip | undefined,
  view: LeaseView,
  last: Ip | undefined,
): Omit<Grant, "set"> | KxError {
  const owned = view.own.find((ip) => set.some((range) => rangeHolds(range, ip)));
  if (owned !== undefined) {
    return new KxError("KX_CNI_LEASE_EXISTS", `the container's interface has ${formatIp(owned)} already`, {
      remedy: "delete the attachment before it is added again",
    });
  }
  if (wanted !== undefined) return chooseWanted(set, wanted, view);
  for (const candidate of candidates(set, last)) if (!view.isTaken(candidate.ip)) return candidate;
  const size = poolSize(set);
  const reason = `no address is free in ${formatRanges(set)}: ${size === 1n ? "the only one is" : `all ${size} are`} taken`;
  return new KxError("KX_CNI_POOL_EXHAUSTED", reason, {
    retryable: true,
    remedy: "delete containers, widen the range, or run GC if their containers are gone",
  });
}

function chooseWanted(set: RangeSet, ip: Ip, view: LeaseView): Omit<Grant, "set"> | KxError {
  const range = set.find((each) => rangeHolds(each, ip));
  const name = formatIp(ip);
  if (range === undefined || !isUsable(range, ip)) {
    const what =
      range?.gateway.value === ip.value ? "the gateway of its network" : "its network's own or broadcast address";
    return new KxError("KX_CNI_CONFIG", `cannot give the requested ${name}: it is ${what}`, {
      remedy: "ask for another address",
    });
  }
  if (!view.isTaken(ip)) return { ip, range };
  return new KxError("KX_CNI_ADDRESS_TAKEN", `the requested ${name} of ${formatRanges(set)} is taken`, {
    remedy: "ask for another address, or delete the container that has it",
  });
}

/** Every usable address of a set once, beginning behind the last reserved one. */
export function* candidates(set: RangeSet, last?: Ip): Generator<Omit<Grant, "set">> {
  const at = last === undefined ? -1 : set.findIndex((range) => rangeHolds(range, last));
  const first = Math.max(at, 0);
  const inOrder = [...set.slice(first), ...set.slice(0, first)];
  for (const [index, range] of inOrder.entries()) {
    const isStart = index === 0 && at >= 0 && last !== undefined;
    yield* usable(range, isStart ? last.value + 1n : range.start.value, range.end.value);
  }
  const range = set[at];
  if (range !== undefined && last !== undefined) yield* usable(range, range.start.value, last.value);
}

function* usable(range: AddressRange, from: bigint, to: bigint): Generator<Omit<Grant, "set">> {
  const { family } = range.start;
  for (let value = from; value <= to; value++) {
    const ip: Ip = { family, value };
    if (isUsable(range, ip)) yield { ip, range };
  }
}
