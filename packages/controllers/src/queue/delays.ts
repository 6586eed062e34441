import type { Clock } from "@kx/core";

interface Entry {
  readonly key: string;
  readonly at: number;
}

/** Keys and when they are due. */
export interface Delays {
  /** Sets a time, in milliseconds since the epoch; an earlier time that is set already stays. */
  set(key: string, at: number): void;
  clear(): void;
}

/** Calls `due` for each key at its time. Sleeps once at a time, for the earliest key. */
export function createDelays(clock: Clock, due: (key: string) => void): Delays {
  const times = new Map<string, number>();
  // May hold entries that an earlier time has replaced; `times` decides.
  const heap: Entry[] = [];
  let sleep: { readonly until: number; readonly stop: AbortController } | undefined;

  const schedule = () => {
    const until = heap[0]?.at ?? Number.POSITIVE_INFINITY;
    if (sleep !== undefined && sleep.until <= until) return;
    sleep?.stop.abort();
    sleep = undefined;
    if (until === Number.POSITIVE_INFINITY) return;
    const stop = new AbortController();
    sleep = { until, stop };
    clock.sleep(Math.max(0, until - clock.now()), stop.signal).then(fire, () => undefined);
  };
  const fire = () => {
    sleep = undefined;
    for (let first = heap[0]; first !== undefined && first.at <= clock.now(); first = heap[0]) {
      pop(heap);
      if (times.get(first.key) !== first.at) continue;
      times.delete(first.key);
      due(first.key);
    }
    schedule();
  };

  return {
    set(key, at) {
      if ((times.get(key) ?? Number.POSITIVE_INFINITY) <= at) return;
      times.set(key, at);
      push(heap, { key, at });
      schedule();
    },
    clear() {
      times.clear();
      heap.length = 0;
      sleep?.stop.abort();
      sleep = undefined;
    },
  };
}

function push(heap: Entry[], entry: Entry): void {
  let index = heap.length;
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (parent === undefined || parent.at <= entry.at) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    const right = left + 1;
    const child =
      (heap[right]?.at ?? Number.POSITIVE_INFINITY) < (heap[left]?.at ?? Number.POSITIVE_INFINITY) ? right : left;
    const entry = heap[child];
    if (entry === undefined || entry.at >= last.at) break;
    heap[index] = entry;
    index = child;
  }
  heap[index] = last;
}
