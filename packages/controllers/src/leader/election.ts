import { type Clock, KxError, type Logger } from "@kx/core";
import { Lease } from "../api/gen/coordination-v1.ts";
import type { Client } from "../client/client.ts";
import { isNotFound } from "../client/status-error.ts";
import {
  defaultTimes,
  type ElectionTimes,
  type Observed,
  observe,
  planLease,
  releasedSpec,
  retryJitter,
} from "./lease.ts";
import { createTerm, type Term } from "./term.ts";

/** Which lease, and for whom. */
export interface ElectionOptions extends ElectionTimes {
  /** Name of the Lease; the same for all replicas, and for nothing else. */
  readonly leaseName: string;
  /** Name of this replica; no two may share one. */
  readonly identity: string;
}

/** What an election needs to run. */
export interface ElectionContext {
  readonly client: Client;
  /** Namespace of the Lease. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Numbers from 0 to below 1. */
  readonly random: () => number;
}

/** A candidate for a lease. At any time at most one of all candidates leads. */
export interface Election {
  /** Resolves with the present term if this replica leads, else with its next one. */
  term(signal: AbortSignal): Promise<Term>;
  /** Stands for election until the signal aborts; gives the lease back if nothing is left that acts under it. */
  run(context: ElectionContext, signal: AbortSignal): Promise<void>;
}

/** A candidate that does not stand yet. Throws KX_LEADER_TIMES for times that would allow two leaders. */
export function createElection(options: ElectionOptions): Election {
  const { leaseName, identity } = options;
  const times = timesOf(options);
  let waiting = Promise.withResolvers<Term>();

  return {
    term: (signal) => orAborted(waiting.promise, signal),
    async run({ client, namespace, clock, log, random }, signal) {
      const ref = { name: leaseName, namespace };
      const fields = { lease: `${namespace}/${leaseName}`, identity };
      let observed: Observed | undefined;
      let version: string | undefined;
      let lastHolder: string | undefined;

      /** Tries once to take or renew the lease; tells when the request was made that did, or undefined. */
      const attempt = async (deadline: AbortSignal): Promise<number | undefined> => {
        const isOurs = observed?.spec.holderIdentity === identity;
        // A holder knows what it has written: it reads again only after a failure.
        if (!isOurs || version === undefined) await look(deadline);
        const startedMs = clock.now();
        const step = planLease(observed, identity, times.leaseDurationMs, startedMs);
        if (step.do === "wait") {
          if (step.holder !== lastHolder) log.info({ ...fields, holder: step.holder }, "standing by");
          lastHolder = step.holder;
          return undefined;
        }
        const metadata = { ...ref, ...(version === undefined ? {} : { resourceVersion: version }) };
        const lease = { metadata, spec: step.spec };
        const known = version;
        version = undefined;
        const call = { signal: deadline };
        const written = await (known === undefined
          ? client.create(Lease, lease, call)
          : client.update(Lease, lease, call));
        version = written.metadata.resourceVersion;
        observed = { spec: written.spec ?? {}, atMs: startedMs };
        return startedMs;
      };
      const look = async (deadline: AbortSignal): Promise<void> => {
        try {
          const lease = await client.get(Lease, ref, { signal: deadline });
          version = lease.metadata.resourceVersion;
          observed = observe(observed, lease.spec ?? {}, clock.now());
        } catch (error) {
          if (!isNotFound(error)) throw error;
          [version, observed] = [undefined, undefined];
        }
      };
      /** Renews the lease until the term ends. */
      const renew = async (term: Term): Promise<void> => {
        while (!signal.aborted && !term.signal.aborted) {
          await clock.sleep(times.retryPeriodMs, AbortSignal.any([signal, term.signal])).catch(() => undefined);
          if (signal.aborted || term.signal.aborted) return;
          try {
            const renewedMs = await attempt(AbortSignal.any([signal, term.signal]));
            if (renewedMs === undefined) return term.end("another replica has taken the lease");
            term.extend(renewedMs + times.renewDeadlineMs);
          } catch (error) {
            if (!signal.aborted && !term.signal.aborted)
              log.warn({ ...fields, err: error }, "lease not renewed, trying again");
          }
        }
      };
      const release = async (): Promise<void> => {
        try {
          if (version === undefined) await look(AbortSignal.timeout(times.retryPeriodMs));
          if (observed?.spec.holderIdentity !== identity) return;
          const metadata = { ...ref, ...(version === undefined ? {} : { resourceVersion: version }) };
          const lease = { metadata, spec: releasedSpec(observed.spec, clock.now()) };
          await client.update(Lease, lease, { signal: AbortSignal.timeout(times.retryPeriodMs) });
          log.info(fields, "lease released");
        } catch (error) {
          log.warn({ ...fields, err: error }, "lease not released, it will expire");
        }
      };

      while (!signal.aborted) {
        let takenMs: number | undefined;
        try {
          // A server that does not answer must not hold up the next try.
          const bound = AbortSignal.timeout(times.renewDeadlineMs);
          takenMs = await attempt(AbortSignal.any([signal, bound]));
        } catch (error) {
          if (signal.aborted) break;
          const isRace = KxError.is(error) && /KX_API_(CONFLICT|ALREADY_EXISTS)/.test(error.code);
          if (!isRace) log.warn({ ...fields, err: error }, "lease not reached, trying again");
        }
        if (takenMs === undefined) {
          const waitMs = times.retryPeriodMs * (1 + random() * retryJitter);
          await clock.sleep(waitMs, signal).catch(() => undefined);
          continue;
        }
        const term = createTerm(takenMs + times.renewDeadlineMs, clock);
        log.info({ ...fields, transitions: observed?.spec.leaseTransitions }, "leading");
        // First of all listeners, so that nobody who leaves this term is given it again.
        term.signal.addEventListener("abort", () => {
          waiting = Promise.withResolvers();
        });
        waiting.resolve(term);
        await renew(term);
        if (signal.aborted) {
          const isIdle = term.actors.size === 0;
          term.end("the replica is stopping");
          if (isIdle) await release();
          else
            log.warn(
              { ...fields, actors: [...term.actors] },
              "lease kept until it expires: something still acts under it",
            );
          break;
        }
        lastHolder = undefined;
        log.error({ ...fields, reason: term.signal.reason }, "no longer leading");
        // Whoever still acts does so no longer under a lease: its client refuses changes. But it must end before it may begin anew.
        await term.left(times.leaseDurationMs - times.renewDeadlineMs, (actors) =>
          log.error({ ...fields, actors }, "still at work after its term, not standing for election until it ends"),
        );
      }
    },
  };
}

function timesOf(options: ElectionOptions): Required<ElectionTimes> {
  const {
    leaseDurationMs = defaultTimes.leaseDurationMs,
    renewDeadlineMs = defaultTimes.renewDeadlineMs,
    retryPeriodMs = defaultTimes.retryPeriodMs,
  } = options;
  const problem =
    leaseDurationMs <= renewDeadlineMs
      ? "leaseDurationMs must be greater than renewDeadlineMs"
      : renewDeadlineMs <= retryPeriodMs * retryJitter
        ? `renewDeadlineMs must be greater than retryPeriodMs times ${retryJitter}`
        : leaseDurationMs < 1000 || retryPeriodMs <= 0
          ? "leaseDurationMs must be at least 1000, and retryPeriodMs above 0"
          : undefined;
  if (problem === undefined) return { leaseDurationMs, renewDeadlineMs, retryPeriodMs };
  throw new KxError("KX_LEADER_TIMES", `leader election by ${options.leaseName}: ${problem}`, {
    remedy: "leave the times out, or change them together",
    details: { leaseDurationMs, renewDeadlineMs, retryPeriodMs },
  });
}

function orAborted<V>(promise: Promise<V>, signal: AbortSignal): Promise<V> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
