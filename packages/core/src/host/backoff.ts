/** How long to wait before the next try. */
export interface BackoffOptions {
  /** Before the second try. Default: 500 ms. */
  readonly baseMs?: number;
  /** Never longer than this. Default: 30 s. */
  readonly maxMs?: number;
  /** A number of at least 0 and below 1, for jitter. Default: `Math.random`. */
  readonly random?: () => number;
}

/**
 * The delay after `failures` failures in a row (1 or more): doubling, and between a half and the whole of that by chance,
 * so that those who failed together do not come back together.
 */
export function backoffMs(failures: number, options: BackoffOptions = {}): number {
  const { baseMs = 500, maxMs = 30_000, random = Math.random } = options;
  const fullMs = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 50));
  return (fullMs / 2) * (1 + random());
}
