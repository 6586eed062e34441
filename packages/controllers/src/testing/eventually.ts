import { inspect } from "node:util";
import { KxError, sleep } from "@kx/core";

/** Options of eventually. */
export interface EventuallyOptions {
  /** Default: 30,000. */
  readonly timeoutMs?: number;
  /** How long to wait between two tries. Default: 50. */
  readonly intervalMs?: number;
  /** What is waited for; stands in the error. */
  readonly describe: string;
}

/**
 * Calls `fn` until it returns something other than undefined or false, and returns that. What it throws counts as "not
 * yet". On timeout the error shows the last error or value, so throw (or `expect`) inside for a telling one.
 */
export async function eventually<T>(
  fn: (signal: AbortSignal) => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 30_000, intervalMs = 50, describe }: EventuallyOptions,
): Promise<T> {
  const deadline = AbortSignal.timeout(timeoutMs);
  let last = "nothing was seen";
  for (;;) {
    try {
      const value = await fn(deadline);
      if (value !== undefined && value !== false) return value;
      if (!deadline.aborted) last = `last value: ${inspect(value)}`;
    } catch (error) {
      if (!deadline.aborted) last = `last error: ${error instanceof Error ? error.message : inspect(error)}`;
    }
    if (deadline.aborted) {
      throw new KxError("KX_TESTING_TIMEOUT", `not within ${timeoutMs} ms: ${describe}; ${last}`);
    }
    await sleep(intervalMs, deadline).catch(() => undefined);
  }
}
