import { KxError } from "../error.ts";
import { call } from "./libc.ts";

const [shared, exclusive, nonBlocking, unlock] = [1, 2, 4, 8];

/**
 * Locks an open file if nobody else has; never waits, as that could block the thread for ever. Closing the file, or the
 * end of the process, unlocks it.
 *
 * @returns whether the file is now locked.
 * @throws KxError `KX_LINUX_SYSCALL`.
 */
export function tryLock(fd: number, kind: "shared" | "exclusive" = "exclusive"): boolean {
  try {
    call("flock", [fd, (kind === "shared" ? shared : exclusive) | nonBlocking]);
    return true;
  } catch (error) {
    if (KxError.is(error) && error.details["errno"] === "EAGAIN") return false;
    throw error;
  }
}

/** Unlocks a file that `tryLock` has locked. */
export function unlockFile(fd: number): void {
  call("flock", [fd, unlock]);
}
