import { chmodSync, mkdirSync } from "node:fs";
import { open, truncate } from "node:fs/promises";
import { runProgram } from "../mount/run-program.ts";
import { syncPath } from "../state/sync.ts";

// For whoever the pod runs as; the folder above keeps others of the machine out.
const volumeMode = 0o777;
const longestMs = 24 * 3600_000;

/** Makes an empty folder of a volume. It has nothing to flush: it is on the disk when the folder that it is put into is. */
export async function makeFolder(path: string): Promise<void> {
  mkdirSync(path);
  // What mkdir is given is narrowed by the umask.
  chmodSync(path, volumeMode);
}

/** Makes an image of zeros, of which the disk keeps none. */
export async function makeImage(path: string, sizeBytes: bigint, isSynced: boolean): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.truncate(Number(sizeBytes));
    if (isSynced) await file.sync();
  } finally {
    await file.close();
  }
}

/** Grows an image; never shrinks it. */
export async function growImage(path: string, sizeBytes: bigint, isSynced: boolean): Promise<void> {
  await truncate(path, Number(sizeBytes));
  if (isSynced) await syncPath(path);
}

/**
 * Copies a folder's tree or an image with owners, modes, times, links, extended attributes and holes; file systems that can
 * share the blocks do. In a process of its own: however long it takes, nothing else waits.
 */
export async function copyContent(from: string, to: string, isSynced: boolean): Promise<void> {
  await runProgram(
    "cp",
    ["--archive", "--no-target-directory", "--reflink=auto", "--sparse=auto", "--one-file-system", "--", from, to],
    {
      deadlineMs: longestMs,
      diesWithParent: true,
    },
  );
  // A tree has no other way to the disk than that of its whole file system.
  if (isSynced) await runProgram("sync", ["--file-system", to], { deadlineMs: longestMs });
}
