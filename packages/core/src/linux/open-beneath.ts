import { closeSync, constants, openSync } from "node:fs";
import { KxError } from "../error.ts";
import { fromNodeError } from "./errno.ts";
import { call } from "./libc.ts";

const openat2 = 437;
const pathOnly = 0o10000000;
const closeOnExec = 0o2000000;
const [noMagicLinks, noSymlinks, beneath] = [0x02, 0x04, 0x08];

/**
 * Opens a file beneath a folder: no part of `path` may be a symbolic link, and none leads out of the folder, whatever
 * others rename meanwhile.
 *
 * @param path - relative to `root`.
 * @param flags - of `node:fs` constants. Default: `O_RDONLY`.
 * @param mode - of a file that is created. Default: 0600.
 * @returns a file descriptor, for the caller to close.
 * @throws KxError `KX_LINUX_BENEATH` if `path` leads out of `root` or through a link, else `KX_LINUX_SYSCALL`.
 */
export function openBeneath(root: string, path: string, flags: number = constants.O_RDONLY, mode = 0o600): number {
  if (path.includes("\0")) throw outside(root, path, "it holds a NUL");
  const dirfd = openFolder(root);
  const creates = (flags & constants.O_CREAT) !== 0;
  const how = new BigUint64Array([
    BigInt(flags | closeOnExec),
    creates ? BigInt(mode) : 0n,
    BigInt(noMagicLinks | noSymlinks | beneath),
  ]);
  try {
    return call("openat2", [openat2, dirfd, path, how, how.byteLength], { path: `${root}/${path}` });
  } catch (error) {
    const errno = KxError.is(error) ? error.details["errno"] : undefined;
    if (errno === "ELOOP") throw outside(root, path, "a part of it is a symbolic link", error);
    if (errno === "EXDEV") throw outside(root, path, "it leads out", error);
    throw error;
  } finally {
    closeSync(dirfd);
  }
}

function openFolder(root: string): number {
  try {
    return openSync(root, pathOnly | constants.O_DIRECTORY);
  } catch (error) {
    throw fromNodeError(error);
  }
}

function outside(root: string, path: string, why: string, cause?: unknown): KxError {
  const reason = `${JSON.stringify(path)} is not opened beneath ${root}: ${why}`;
  return new KxError("KX_LINUX_BENEATH", reason, { cause, details: { root, path } });
}
