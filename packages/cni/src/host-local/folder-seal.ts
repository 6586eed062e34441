import { statSync, utimesSync } from "node:fs";

const spanSeconds = 1e6;

/** Tells this state of a folder from others; undefined if there is no folder. */
export function folderStamp(folder: string): string | undefined {
  const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return stat === undefined
    ? undefined
    : [stat.dev, stat.ino, stat.mtimeNs, stat.ctimeNs, stat.size, stat.nlink].join(" ");
}

/**
 * Gives a folder a time of change in the past that no other state of it has, so that its stamp tells whether anybody has
 * added or removed a file since. The kernel's own times cannot tell: changes within a tick of its clock, up to 10 ms,
 * leave the same time, and some file systems count whole seconds.
 *
 * @returns the stamp; undefined if the time cannot be set, so that nothing can be told.
 */
export function sealFolder(folder: string, nowMs: number): string | undefined {
  const seconds = Math.floor(nowMs / 1000) - 10 - Math.random() * spanSeconds;
  try {
    utimesSync(folder, nowMs / 1000, seconds);
  } catch {
    return undefined;
  }
  return folderStamp(folder);
}
