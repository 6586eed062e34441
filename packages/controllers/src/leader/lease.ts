import type { LeaseSpec } from "../api/gen/coordination-v1.ts";

/** Times of a leader election. */
export interface ElectionTimes {
  /** How long others wait for a holder that they no longer hear of, in milliseconds. Default: 15,000. */
  readonly leaseDurationMs?: number;
  /** How long a leader goes on without a renewal, in milliseconds; less than the duration. Default: 10,000. */
  readonly renewDeadlineMs?: number;
  /** How long between two tries to take or renew the lease, in milliseconds. Default: 2,000. */
  readonly retryPeriodMs?: number;
}

/** The defaults of client-go. */
export const defaultTimes: Required<ElectionTimes> = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

/** While a lease is not ours, up to this part of the retry period is added at random. */
export const retryJitter = 1.2;

/** A lease as it was last seen, and when it was first seen so: clocks of other machines are never compared. */
export interface Observed {
  readonly spec: LeaseSpec;
  readonly atMs: number;
}

/** What to do about a lease. */
export type LeaseStep =
  | { readonly do: "write"; readonly spec: LeaseSpec }
  | { readonly do: "wait"; readonly holder: string };

/** Takes note of what a lease says now. Only a change counts as a sign of life. */
export function observe(last: Observed | undefined, spec: LeaseSpec, nowMs: number): Observed {
  const isSame =
    last !== undefined && last.spec.holderIdentity === spec.holderIdentity && last.spec.renewTime === spec.renewTime;
  return isSame ? last : { spec, atMs: nowMs };
}

/** Decides whether the lease may be taken or renewed; `observed` is undefined if there is none. */
export function planLease(
  observed: Observed | undefined,
  identity: string,
  leaseDurationMs: number,
  nowMs: number,
): LeaseStep {
  const time = microTime(nowMs);
  const fresh = { holderIdentity: identity, leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000), renewTime: time };
  const spec = observed?.spec ?? {};
  const { holderIdentity: holder = "", leaseTransitions = 0, leaseDurationSeconds = 0 } = spec;
  if (holder === identity) {
    return { do: "write", spec: { ...spec, ...fresh, acquireTime: spec.acquireTime ?? time, leaseTransitions } };
  }
  if (observed !== undefined && holder !== "" && observed.atMs + leaseDurationSeconds * 1000 > nowMs) {
    return { do: "wait", holder };
  }
  const transitions = observed === undefined ? 0 : leaseTransitions + 1;
  return { do: "write", spec: { ...spec, ...fresh, acquireTime: time, leaseTransitions: transitions } };
}

/** What a holder writes that gives a lease back: the next one need not wait. */
export function releasedSpec(spec: LeaseSpec, nowMs: number): LeaseSpec {
  const time = microTime(nowMs);
  return { ...spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: time, acquireTime: time };
}

/** Kubernetes' MicroTime: it refuses a time without exactly six digits after the second. */
export function microTime(atMs: number): string {
  return new Date(atMs).toISOString().replace("Z", "000Z");
}
