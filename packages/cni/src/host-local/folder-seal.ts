import { statSync, utimesSync } from "node:fs";
import { failed, settledMs } from "./lease-files.ts";

const spanSeconds = 1e6;

/** Tells this state of a folder from others; undefined if there is no folder. @throws KxError `KX_CNI_IO`. */
export function folderStamp(folder: string): string | undefined {
  return stampOf(look(folder));
}

/**
 * Gives a stamp that tells whether anybody adds or removes a file from now on. The times that the kernel gives a folder
 * cannot tell if it has just been changed: changes within a tick of its clock, up to 10 ms, leave the same time, and some
 * file systems count whole seconds. Such a folder gets a time of change in the past, which no other state of it has.
 *
 * @returns undefined if the time cannot be set, so that nothing can be told.
 */
export function sealFolder(folder: string): string | undefined {
  // The kernel's clock, not an injected one.
  const now = Date.now();
  try {
    utimesSync(folder, now / 1000, Math.floor((now - settledMs) / 1000) - 1 - Math.random() * spanSeconds);
  } catch {
    return undefined;
  }
  return folderStamp(folder);
}

function look(folder: string) {
  try {
    return statSync(folder, { bigint: true, throwIfNoEntry: false });
  } catch (cause) {
    throw failed("the leases cannot be looked for", cause);
  }
}

function stampOf(stat: ReturnType<typeof look>): string | undefined {
  return stat && [stat.dev, stat.ino, stat.mtimeNs, stat.ctimeNs, stat.size, stat.nlink].join(" ");
}
