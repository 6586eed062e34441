import type { Clock } from "@kx/core";

/** Shape of a back-off, in milliseconds. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly factor: number;
  readonly capMs: number;
  /** Up to this part of the delay is added at random, so that many clients do not come back together. */
  readonly jitter: number;
  /** After so long without a failure the next one starts anew. */
  readonly resetAfterMs: number;
}

/** What client-go's reflector uses. */
export const reflectorBackoff: BackoffOptions = {
  initialMs: 800,
  factor: 2,
  capMs: 30_000,
  jitter: 1,
  resetAfterMs: 120_000,
};

/** Delays that grow from failure to failure. `random` gives numbers from 0 to below 1. */
export function createBackoff(options: BackoffOptions, clock: Clock, random: () => number): { nextMs(): number } {
  let delayMs = options.initialMs;
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    nextMs() {
      if (clock.now() - lastAt > options.resetAfterMs) delayMs = options.initialMs;
      lastAt = clock.now();
      const current = delayMs;
      delayMs = Math.min(options.capMs, delayMs * options.factor);
      return current * (1 + random() * options.jitter);
    },
  };
}
