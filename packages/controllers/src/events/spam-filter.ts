import type { Clock } from "@kx/core";

/** Keeps one object from flooding the API server with events. */
export interface SpamFilter {
  /** Whether an event about the object of this key may be written now; if so, it counts. */
  allows(key: string): boolean;
}

// As client-go: 25 events about an object at once, then one each 5 minutes.
const burst = 25;
const refillMs = 300_000;
const maxRemembered = 4096;

/** A filter that has seen nothing yet. */
export function createSpamFilter(clock: Clock): SpamFilter {
  const buckets = new Map<string, { tokens: number; readonly at: number }>();
  return {
    allows(key) {
      const known = buckets.get(key);
      const now = clock.now();
      const tokens = known === undefined ? burst : Math.min(burst, known.tokens + (now - known.at) / refillMs);
      const allowed = tokens >= 1;
      // Behind all others, so that the one that was quiet longest is forgotten first.
      buckets.delete(key);
      buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
      const [oldest] = buckets.keys();
      if (buckets.size > maxRemembered && oldest !== undefined) buckets.delete(oldest);
      return allowed;
    },
  };
}
