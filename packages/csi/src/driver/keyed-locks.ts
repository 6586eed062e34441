/** One thing that a call holds while it is at work. */
export interface LockKey {
  readonly key: string;
  /** Held together with others that share it; nobody holds it alone meanwhile. Default: held alone. */
  readonly isShared?: boolean;
}

/** Held with others: what it names must stay, but is not changed. */
export function shared(what: string, id: string): LockKey {
  return { key: `${what}:${id}`, isShared: true };
}

/** Locks that are never waited for. */
export interface KeyedLocks {
  /** Takes all the keys, or none and returns the one that is held. */
  take(keys: readonly LockKey[]): { release(): void } | { readonly heldKey: string };
  /** Keys that are held now. */
  readonly size: number;
}

/** Makes locks for calls of one process. */
export function createKeyedLocks(): KeyedLocks {
  /** How many share a key; -1 where one holds it alone. */
  const holders = new Map<string, number>();
  const isFree = ({ key, isShared = false }: LockKey): boolean => {
    const held = holders.get(key) ?? 0;
    return held === 0 || (isShared && held > 0);
  };
  const release = (key: string): void => {
    const held = holders.get(key) ?? 0;
    if (held > 1) holders.set(key, held - 1);
    else holders.delete(key);
  };
  return {
    take(keys) {
      // A request may name a thing twice: the stronger hold counts.
      const wanted = new Map<string, LockKey>();
      for (const lock of keys) if (!isAlone(wanted.get(lock.key))) wanted.set(lock.key, lock);
      for (const lock of wanted.values()) if (!isFree(lock)) return { heldKey: lock.key };
      for (const { key, isShared = false } of wanted.values()) {
        holders.set(key, isShared ? (holders.get(key) ?? 0) + 1 : -1);
      }
      return {
        release: () => {
          for (const key of wanted.keys()) release(key);
          wanted.clear();
        },
      };
    },
    get size() {
      return holders.size;
    },
  };
}

function isAlone(lock: LockKey | undefined): boolean {
  return lock !== undefined && lock.isShared !== true;
}
