import type { Clock } from "../context.ts";

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** How many sleeps are under way. */
  readonly sleepers: number;
  /**
   * Moves time on by `ms` milliseconds, waking sleepers in the order of their times. Code that a sleeper wakes runs, and
   * may sleep again, before time moves further.
   */
  advance(ms: number): Promise<void>;
  /** Resolves as soon as at least `count` sleeps are under way. Default: 1. */
  untilSleeping(count?: number): Promise<void>;
}

interface Sleeper {
  readonly at: number;
  wake(): void;
}

/** Makes a clock for tests that starts at `startMs` milliseconds since the epoch. Default: the year 2000. */
export function fakeClock(startMs = Date.UTC(2000, 0, 1)): FakeClock {
  let nowMs = startMs;
  const sleepers = new Set<Sleeper>();
  const watchers = new Set<() => void>();

  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        at: nowMs + Math.max(0, ms),
        wake: () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      sleepers.add(sleeper);
      for (const watcher of watchers) watcher();
    });

  const nextDue = (untilMs: number): Sleeper | undefined => {
    let next: Sleeper | undefined;
    for (const sleeper of sleepers) if (sleeper.at <= untilMs && sleeper.at < (next?.at ?? Infinity)) next = sleeper;
    return next;
  };

  return {
    get sleepers() {
      return sleepers.size;
    },
    now: () => nowMs,
    sleep,
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let due = nextDue(untilMs); due !== undefined; due = nextDue(untilMs)) {
        nowMs = Math.max(nowMs, due.at);
        due.wake();
        await settle();
      }
      nowMs = untilMs;
    },
    async untilSleeping(count = 1) {
      if (sleepers.size >= count) return;
      await new Promise<void>((resolve) => {
        const watcher = () => {
          if (sleepers.size < count) return;
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
      });
    },
  };
}

/** Lets everything run that a resolved promise has set off. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
