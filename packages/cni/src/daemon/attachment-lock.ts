import { hash } from "node:crypto";
import { closeSync, constants, fstatSync, mkdirSync, openSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Clock, KxError } from "@kx/core";
import { tryLock } from "@kx/core/linux";
import type { Environment } from "../plugin/environment.ts";

const firstPauseMs = 1;
const longestPauseMs = 16;

/** Who waits for a lock, and how long. */
export interface LockWaiter {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly waitMs: number;
}

/** A call's name for the lock: the plug-in and the container's interface; undefined if it is about no attachment. */
export function attachmentOf(type: string, env: Environment): string | undefined {
  const { CNI_CONTAINERID: containerId, CNI_IFNAME: ifName, CNI_COMMAND: command } = env;
  if (!containerId || !ifName || !["ADD", "DEL", "CHECK"].includes(command ?? "")) return undefined;
  return [type, containerId, ifName].join("\0");
}

/**
 * Works while nobody else does for the same attachment: neither another call of this process nor another process, be it a
 * daemon or an executed plug-in. Each attachment has a file under flock(2).
 *
 * @throws KxError `KX_CNI_TRY_AGAIN` if the lock is not free in time, or the signal's reason.
 */
export async function withAttachmentLock<T>(
  folder: string,
  attachment: string,
  waiter: LockWaiter,
  work: () => Promise<T>,
): Promise<T> {
  const name = hash("sha256", attachment).slice(0, 32);
  return await withFileLock(join(folder, name), "call for the same interface", waiter, work);
}

/**
 * Works while nobody else holds a file under flock(2). It is removed after use; a process that dies unlocks its files.
 *
 * @param what - others may be doing, for messages.
 * @throws KxError `KX_CNI_TRY_AGAIN` if the lock is not free in time, or the signal's reason.
 */
export async function withFileLock<T>(
  path: string,
  what: string,
  waiter: LockWaiter,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = waiter.clock.now() + waiter.waitMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const fd = openLock(path);
    try {
      if (tryLock(fd) && fstatSync(fd).nlink > 0) return await workAndRemove(path, work);
    } finally {
      closeSync(fd);
    }
    if (waiter.clock.now() >= deadline) throw busy(path, what, waiter.waitMs);
    // Two that wait for each other's end must not keep step.
    await waiter.clock.sleep(pauseMs * (0.5 + Math.random()), waiter.signal);
  }
}

async function workAndRemove<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    // Before the lock is given free: who has the file open finds that it has no name any more, and tries anew.
    removeLock(path);
  }
}

function removeLock(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function openLock(path: string): number {
  for (let tries = 1; ; tries++) {
    try {
      return openSync(path, constants.O_CREAT | constants.O_RDWR, 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || tries > 3) throw error;
      // It may go again in between, with the last that an uninstallation waits for.
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    }
  }
}

function busy(path: string, what: string, waitMs: number): KxError {
  return new KxError("KX_CNI_TRY_AGAIN", `another ${what} has lasted more than ${waitMs} ms`, {
    retryable: true,
    remedy: `fuser ${path} shows which process that is`,
  });
}
