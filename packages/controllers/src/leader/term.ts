import { type Clock, KxError } from "@kx/core";

/** The time during which a replica leads. */
export interface Term {
  /** Aborts when the term ends; its reason is a KxError KX_LEADER_LOST. */
  readonly signal: AbortSignal;
  /** Throws KX_LEADER_LOST once the term is over, by the clock too: a process that was paused learns of it here first. */
  check(): void;
  /** Those that act now, by name. */
  readonly actors: ReadonlySet<string>;
  /** Runs something that acts as leader. */
  act<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** The lease was renewed: the term lasts until then, in milliseconds since the epoch. */
  extend(untilMs: number): void;
  end(why: string): void;
  /** Resolves when nobody acts any more; calls `late` once if that takes longer than `boundMs`. */
  left(boundMs: number, late: (actors: readonly string[]) => void): Promise<void>;
}

/** A term that lasts until the given time unless it is extended. */
export function createTerm(untilMs: number, clock: Clock): Term {
  let until = untilMs;
  const over = new AbortController();
  const actors = new Set<string>();
  const onLeave = new Set<() => void>();

  const end = (why: string) => {
    if (!over.signal.aborted)
      over.abort(new KxError("KX_LEADER_LOST", `no longer leading: ${why}`, { retryable: true }));
  };
  const expire = async (): Promise<void> => {
    while (!over.signal.aborted && clock.now() < until) {
      await clock.sleep(until - clock.now(), over.signal).catch(() => undefined);
    }
    end("the lease was not renewed in time");
  };
  void expire();

  return {
    signal: over.signal,
    check() {
      if (clock.now() >= until) end("the lease was not renewed in time");
      over.signal.throwIfAborted();
    },
    actors,
    async act(name, work) {
      actors.add(name);
      try {
        return await work();
      } finally {
        actors.delete(name);
        for (const listener of onLeave) listener();
      }
    },
    extend(newUntilMs) {
      until = Math.max(until, newUntilMs);
    },
    end,
    async left(boundMs, late) {
      if (actors.size === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      onLeave.add(() => actors.size === 0 && resolve());
      const enough = new AbortController();
      clock.sleep(boundMs, enough.signal).then(
        () => late([...actors]),
        () => undefined,
      );
      await promise;
      enough.abort();
    },
  };
}
