import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, type Stats } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../mount/run-program.ts";
import { escapeName } from "../state/file-names.ts";
import { joined, syncPath } from "../state/sync.ts";

/** Where things are: each volume and each snapshot is one folder, or one file that is a disk's image. */
export type Shelf = "volumes" | "snapshots" | "ephemeral";

/** The driver's folder. What is half made, or half removed, is in a part of its own until it is whole, or gone. */
export interface Folders {
  pathOf(shelf: Shelf, id: string): string;
  /** What is there; undefined if nothing is. */
  find(shelf: Shelf, id: string): Found | undefined;
  /** What all that is there is kept as, by its name in the folder; in a small part of the time of looking at each. */
  kinds(shelf: Shelf): ReadonlyMap<string, Found["kind"]>;
  /** Puts what `make` makes at the path that it is given into its place: as a whole, or not at all. */
  add(shelf: Shelf, id: string, make: (path: string) => Promise<void>): Promise<void>;
  /** What is gone already is no error. */
  remove(shelf: Shelf, id: string): Promise<void>;
  /** Removes what was half made when the last process ended. */
  clean(): Promise<void>;
}

/** What is on a shelf. */
export interface Found {
  readonly path: string;
  readonly kind: "folder" | "image";
  readonly sizeBytes: bigint;
  readonly madeAtMs: number;
}

const shelves: readonly Shelf[] = ["volumes", "snapshots", "ephemeral"];

/**
 * Opens the driver's folder, on a disk of the node. What the kernel answers from its memory is asked for at once, which takes a
 * tenth of what handing it to another thread takes.
 *
 * @param isSynced - whether all is on the disk before it counts as done.
 */
export function openFolders(stateDir: string, isSynced: boolean): Folders {
  const making = join(stateDir, "making");
  let isMade = false;
  let lastNumber = 0;
  const pathOf = (shelf: Shelf, id: string) => join(stateDir, shelf, escapeName(id));
  const unique = (what: string) => join(making, `${what}-${process.pid}-${++lastNumber}`);
  const makeAll = () => {
    if (isMade) return;
    for (const name of ["making", ...shelves]) mkdirSync(join(stateDir, name), { recursive: true, mode: 0o700 });
    isMade = true;
  };
  const syncOf = new Map(shelves.map((shelf) => [shelf, joined(() => syncPath(join(stateDir, shelf)))]));
  const settle = async (shelf: Shelf) => {
    if (isSynced) await syncOf.get(shelf)?.();
  };

  return {
    pathOf,
    find(shelf, id) {
      const path = pathOf(shelf, id);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      return stat === undefined ? undefined : describe(path, stat);
    },
    kinds(shelf) {
      makeAll();
      const entries = readdirSync(join(stateDir, shelf), { withFileTypes: true });
      return new Map(entries.map((entry) => [entry.name, kindOf(entry)]));
    },
    async add(shelf, id, make) {
      makeAll();
      const half = unique("new");
      try {
        await make(half);
        renameSync(half, pathOf(shelf, id));
        await settle(shelf);
      } catch (error) {
        await destroy(half);
        throw error;
      }
    },
    async remove(shelf, id) {
      const path = pathOf(shelf, id);
      if (await isRemovedAtOnce(path)) return settle(shelf);
      const half = unique("old");
      renameSync(path, half);
      await settle(shelf);
      await destroy(half);
    },
    async clean() {
      makeAll();
      for (const name of readdirSync(making)) await destroy(join(making, name));
    },
  };
}

/** Whether it was gone, an empty folder or a file; all else takes its time. */
async function isRemovedAtOnce(path: string): Promise<boolean> {
  try {
    const stat = lstatSync(path);
    // A large file takes its time.
    if (stat.isDirectory()) rmdirSync(path);
    else await unlink(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return true;
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a tree, but nothing that is mounted in it. */
async function destroy(path: string): Promise<void> {
  await runProgram("rm", ["--recursive", "--force", "--one-file-system", "--", path], { diesWithParent: true });
}

const kindOf = (one: Pick<Stats, "isDirectory">): Found["kind"] => (one.isDirectory() ? "folder" : "image");

function describe(path: string, stat: Stats): Found {
  return { path, kind: kindOf(stat), sizeBytes: BigInt(stat.size), madeAtMs: stat.birthtimeMs };
}
