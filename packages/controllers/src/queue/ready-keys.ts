/** Keys that wait for a worker, in the order in which they are to be served. */
export interface ReadyKeys {
  readonly size: number;
  has(key: string): boolean;
  /** A key that waits already keeps its place, or moves up to a higher priority. */
  add(key: string, priority: number): void;
  /** The next key and its priority; undefined if none waits. */
  take(): { readonly key: string; readonly priority: number } | undefined;
  clear(): void;
}

/** Of so many keys served one is of the lowest priority that waits, so that it is served at all while there is much to do. */
const fairShare = 10;

/** No keys yet. The higher priority goes first, and of one priority the key that came first. */
export function createReadyKeys(): ReadyKeys {
  const priorities = new Map<string, number>();
  // Insertion order is the order of service. There are few priorities: mostly two.
  const levels = new Map<number, Set<string>>();
  let order: readonly number[] = [];
  let sinceLowest = 0;

  const leave = (key: string, priority: number) => {
    const level = levels.get(priority);
    level?.delete(key);
    if (level?.size !== 0) return;
    levels.delete(priority);
    order = order.filter((one) => one !== priority);
  };

  return {
    get size() {
      return priorities.size;
    },
    has: (key) => priorities.has(key),
    add(key, priority) {
      const known = priorities.get(key);
      if (known !== undefined) {
        if (known >= priority) return;
        leave(key, known);
      }
      priorities.set(key, priority);
      const level = levels.get(priority);
      if (level !== undefined) {
        level.add(key);
        return;
      }
      levels.set(priority, new Set([key]));
      order = [...order, priority].toSorted((a, b) => b - a);
    },
    take() {
      sinceLowest = order.length > 1 ? sinceLowest + 1 : 0;
      const isLowestsTurn = sinceLowest >= fairShare;
      if (isLowestsTurn) sinceLowest = 0;
      const priority = order[isLowestsTurn ? order.length - 1 : 0];
      if (priority === undefined) return undefined;
      const [key] = levels.get(priority) ?? [];
      if (key === undefined) return undefined;
      priorities.delete(key);
      leave(key, priority);
      return { key, priority };
    },
    clear() {
      priorities.clear();
      levels.clear();
      order = [];
    },
  };
}
