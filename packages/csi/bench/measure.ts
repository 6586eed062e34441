/** What a row of the table needs of its calls. */
export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Makes `total` calls, `width` at a time, and measures each. */
export async function measure(
  total: number,
  width: number,
  call: (index: number) => Promise<unknown>,
): Promise<Measured> {
  const times: number[] = [];
  let next = 0;
  const begin = performance.now();
  const work = async () => {
    for (let index = next++; index < total; index = next++) {
      const start = performance.now();
      await call(index);
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return summary(times, performance.now() - begin);
}

/** Figures of calls that took so long each, and so long together. */
export function summary(times: readonly number[], tookMs: number): Measured {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { perSecond: (times.length / tookMs) * 1000, p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Does work for each item, 32 at a time. */
export async function inParallel<Item>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  await measure(items.length, 32, (index) => work(items[index] as Item, index));
}
