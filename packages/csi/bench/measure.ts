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
  return describe(times, performance.now() - begin);
}

/** Figures of calls that took so long each, and so long together. */
export function describe(times: readonly number[], tookMs: number): Measured {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { perSecond: (times.length / tookMs) * 1000, p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** A row as text. */
export function show(what: string, { perSecond, p50Ms, p99Ms }: Measured, go = ""): string {
  const rate = `${perSecond < 100 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`;
  return `| ${what} | ${rate} | ${p50Ms.toFixed(2)} / ${p99Ms.toFixed(2)} | ${go} |`;
}
