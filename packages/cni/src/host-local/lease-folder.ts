import { readdirSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Ip } from "@kx/core/units";
import { type Waiter, withFolderLock } from "./folder-lock.ts";
import { folderStamp, sealFolder } from "./folder-seal.ts";
import { markOf, readLastReserved, readLease, removeLease, writeLastReserved, writeLease } from "./lease-files.ts";
import { contentOf, createLeaseIndex, type LeaseIndex, type LeaseOwner } from "./lease-index.ts";
import type { FileMark } from "./lease-journal.ts";

/** How long files are read before others of this process get a turn. */
const sliceMs = 4;

/** The leases of a network while nobody else changes them. */
export interface LockedLeases {
  readonly index: Omit<LeaseIndex, "set" | "delete">;
  lastReserved(set: number): Ip | undefined;
  reserve(set: number, ip: Ip): void;
  /** @throws KxError `KX_CNI_IO`; then there is no lease. */
  write(ip: Ip, owner: LeaseOwner): void;
  remove(name: string): void;
  /** What tells a lease's file from a later one of that name; undefined if there is none. */
  readonly markOf: FileMark;
}

/** The leases of a network: a folder with a file for each address, which the Go plug-in reads and writes too. */
export interface LeaseFolder {
  /**
   * Does work under the folder's lock, with an index of what is there now.
   *
   * @throws KxError `KX_CNI_LEASES_LOCKED`, `KX_CNI_IO`.
   */
  use<T>(waiter: Waiter, work: (leases: LockedLeases) => T): Promise<T>;
  /** Whether there is a folder; without, there are no leases. */
  exists(): boolean;
}

/** Opens a folder of leases, which need not be there. What has been read of it is kept, and from then on only checked. */
export function createLeaseFolder(path: string): LeaseFolder {
  const index = createLeaseIndex();
  // Whoever gives an address adds a file, so that these are known for as long as the folder is.
  const reserved = new Map<number, Ip | undefined>();
  let stamp: string | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const useNow = <T>(waiter: Waiter, work: (leases: LockedLeases) => T): Promise<T> =>
    withFolderLock(path, waiter, async () => {
      const found = folderStamp(path);
      const isKnown = stamp !== undefined && stamp === found;
      // Until it is sealed again, the folder is not known: reading it may fail halfway.
      stamp = undefined;
      if (!isKnown) {
        reserved.clear();
        await refresh(path, index);
      }
      let isAsFound = isKnown;
      const leases = lockedLeases(path, index, reserved, () => {
        isAsFound = false;
      });
      try {
        return work(leases);
      } finally {
        stamp = isAsFound ? found : sealFolder(path);
      }
    });

  return {
    exists: () => folderStamp(path) !== undefined,
    use(waiter, work) {
      // Calls of this process queue here, so that they do not wait for one another by trying the lock.
      const result = last.then(() => useNow(waiter, work));
      last = result.catch(() => undefined);
      return result;
    },
  };
}

/** Brings the index up to date, reading only files that are not known to be as they were. */
async function refresh(path: string, index: LeaseIndex): Promise<void> {
  const names = new Set(readdirSync(path));
  for (const { name } of index.entries()) if (!names.has(name)) index.delete(name);
  let sliceEnd = performance.now() + sliceMs;
  for (const name of names) {
    const entry = readLease(path, name, index.get(name));
    if (entry === "gone") index.delete(name);
    else if (entry !== "same") index.set(entry);
    if (performance.now() < sliceEnd) continue;
    await nextTurn();
    sliceEnd = performance.now() + sliceMs;
  }
}

/**
 * The index follows each change on the disk at once, so that it is right although a later change fails.
 *
 * @param onChange - is told before the folder changes.
 */
function lockedLeases(
  path: string,
  index: LeaseIndex,
  reserved: Map<number, Ip | undefined>,
  onChange: () => void,
): LockedLeases {
  return {
    index,
    lastReserved(set) {
      if (!reserved.has(set)) reserved.set(set, readLastReserved(path, set));
      return reserved.get(set);
    },
    reserve(set, ip) {
      onChange();
      reserved.delete(set);
      writeLastReserved(path, set, ip);
      reserved.set(set, ip);
    },
    write(ip, owner) {
      onChange();
      index.set(writeLease(path, ip, contentOf(owner)));
    },
    remove(name) {
      onChange();
      removeLease(path, name);
      index.delete(name);
    },
    markOf: (name) => markOf(path, name),
  };
}
