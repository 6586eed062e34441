import type { Clock } from "./context.ts";

/** Node fires a longer timer at once, so longer sleeps are made of several. */
const maxTimerMs = 2 ** 31 - 1;

/** Resolves after `ms` milliseconds of real time; rejects with the signal's reason as soon as it aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  let left = ms;
  do {
    await timer(Math.min(left, maxTimerMs), signal);
    left -= maxTimerMs;
  } while (left > 0);
}

/** The machine's clock: what every process uses that is not a test. */
export const systemClock: Clock = Object.freeze({ now: () => Date.now(), sleep });

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const handle = setTimeout(() => {
      // A long-lived signal would otherwise keep one listener for each sleep.
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    const onAbort = () => {
      clearTimeout(handle);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
