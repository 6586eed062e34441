/** Numbers from 0 up to, not including, `below`. */
export type Random = (below: number) => number;

/** The seed of this run: KX_FUZZ_SEED, or a new one. Tests print it. */
export function runSeed(): number {
  return Number(process.env["KX_FUZZ_SEED"] ?? Date.now() % 2 ** 32);
}

/** The same numbers for the same seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
