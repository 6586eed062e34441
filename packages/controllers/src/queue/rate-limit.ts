import type { Clock } from "@kx/core";

/** Says how long a key has to wait for its next try. */
export interface RateLimiter {
  /** Milliseconds to wait; counts as a failure of the key. */
  whenMs(key: string): number;
  /** The key has succeeded: its next failure counts as its first. */
  forget(key: string): void;
}

/** Twice as long for each failure of a key in a row. Defaults: 5 ms to 1000 s. */
export function exponentialLimiter(baseMs = 5, maxMs = 1_000_000): RateLimiter {
  const failures = new Map<string, number>();
  return {
    whenMs(key) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      return Math.min(maxMs, baseMs * 2 ** count);
    },
    forget: (key) => void failures.delete(key),
  };
}

/** A rate for all keys together. */
export interface OverallRate {
  /** Tries a second. */
  readonly qps: number;
  /** Tries at once after a pause. */
  readonly burst: number;
}

/** A token bucket over all keys; a caller that finds it empty reserves the next token and waits for it. */
export function bucketLimiter({ qps, burst }: OverallRate, clock: Clock): RateLimiter {
  let tokens = burst;
  let at = clock.now();
  return {
    whenMs() {
      const now = clock.now();
      tokens = Math.min(burst, tokens + ((now - at) / 1000) * qps) - 1;
      at = now;
      return tokens >= 0 ? 0 : (-tokens / qps) * 1000;
    },
    forget: () => undefined,
  };
}

/** The longest wait that any of the limiters asks for. */
export function maxOfLimiters(...limiters: readonly RateLimiter[]): RateLimiter {
  return {
    whenMs: (key) => Math.max(...limiters.map((limiter) => limiter.whenMs(key))),
    forget: (key) => {
      for (const limiter of limiters) limiter.forget(key);
    },
  };
}
