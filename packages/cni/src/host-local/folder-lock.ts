import { closeSync, constants, fstatSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { type Clock, KxError } from "@kx/core";
import { tryLock, unlockFile } from "@kx/core/linux";
import { failed } from "./lease-files.ts";

const lockName = "lock";
const folderMode = 0o755;
const lockMode = 0o750;
const longestPauseMs = 16;

/** Who waits for a lock, and how long. */
export interface Waiter {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly waitMs: number;
}

/**
 * Does work while no other process holds the folder's lock, the file `lock` under flock(2) as the Go plug-in has it. The
 * folder is made if it is missing.
 *
 * @throws KxError `KX_CNI_LEASES_LOCKED` if the lock is not free in time, `KX_CNI_IO` if there can be none.
 */
export async function withFolderLock<T>(folder: string, waiter: Waiter, work: () => T | Promise<T>): Promise<T> {
  const deadline = waiter.clock.now() + waiter.waitMs;
  for (let tries = 0; ; tries++) {
    waiter.signal.throwIfAborted();
    const fd = openLock(folder);
    try {
      if (tryLock(fd) && isStill(fd)) return await work();
    } finally {
      // A child that is just being spawned may hold the file open for a moment longer.
      unlockFile(fd);
      closeSync(fd);
    }
    await pause(folder, tries, deadline, waiter);
  }
}

/** Blocking in flock(2) would stop the whole process. A random pause keeps two waiters out of step. */
async function pause(
  folder: string,
  tries: number,
  deadline: number,
  { clock, signal, waitMs }: Waiter,
): Promise<void> {
  if (clock.now() >= deadline) {
    throw new KxError("KX_CNI_LEASES_LOCKED", `${join(folder, lockName)} was locked for ${waitMs} ms`, {
      retryable: true,
      remedy: "look for a plug-in that hangs; fuser shows who holds the file open",
    });
  }
  await clock.sleep(1 + Math.random() * Math.min(2 ** tries, longestPauseMs), signal);
}

function openLock(folder: string): number {
  try {
    return openOrMake(folder);
  } catch (cause) {
    throw failed("the leases cannot be locked", cause);
  }
}

function openOrMake(folder: string): number {
  const path = join(folder, lockName);
  const flags = constants.O_CREAT | constants.O_RDONLY;
  try {
    return openSync(path, flags, lockMode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(folder, { recursive: true, mode: folderMode });
    return openSync(path, flags, lockMode);
  }
}

/** False if somebody has removed the file, or the whole folder, since it was opened: then others lock a new one. */
function isStill(fd: number): boolean {
  return fstatSync(fd).nlink > 0;
}
