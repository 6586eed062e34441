import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { KxError } from "@kx/core";
import { formatIp, type Ip } from "@kx/core/units";
import { readAddress } from "./address-range.ts";
import { type LeaseEntry, normalContent } from "./lease-index.ts";

const leaseMode = 0o600;
const temporary = ".kx-lease";
/** The coarsest clock of a file system is that of FAT: what changed more recently may change again without a new time. */
export const settledMs = 2_100;

/** The address that a file's name tells. */
function addressOf(name: string): Ip | undefined {
  return /^[\da-f.:]+$/i.test(name) ? readAddress(name) : undefined;
}

/** Reads a file among the leases; undefined if it is gone, a folder, or unchanged since `known` was read. */
export function readLease(folder: string, name: string, known?: LeaseEntry): LeaseEntry | "gone" | "same" {
  const path = join(folder, name);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) return "gone";
  const stamp = stampOf(stat);
  if (stamp !== undefined && known?.stamp === stamp) return "same";
  const content = normalContent(readFileSync(path, "utf8"));
  return { name, ip: addressOf(name), content, ...(stamp === undefined ? {} : { stamp }) };
}

/** Tells this state of a file from every later one; undefined while a change could still leave the times as they are. */
function stampOf({ ino, size, mtimeMs, ctimeMs }: Stats): string | undefined {
  const age = Date.now() - Math.max(mtimeMs, ctimeMs);
  return age > settledMs ? `${ino} ${size} ${mtimeMs} ${ctimeMs}` : undefined;
}

/**
 * Writes a lease whole or not at all, in place of a torn file of that address. It is not synchronised: a power loss voids
 * leases anyhow.
 *
 * @throws KxError `KX_CNI_IO`.
 */
export function writeLease(folder: string, ip: Ip, content: string): LeaseEntry {
  const name = formatIp(ip);
  // Under the lock nobody else writes, so one name is enough, and a crash leaves one file at most. The Go plug-in takes it
  // for no lease, as the name is no address.
  const making = join(folder, temporary);
  try {
    writeFileSync(making, content, { mode: leaseMode });
    renameSync(making, join(folder, name));
  } catch (cause) {
    rmSync(making, { force: true });
    throw failed(`the lease of ${name} cannot be written`, cause);
  }
  return { name, ip, content };
}

/** What tells a lease's file from a later one of that name; undefined if there is none. */
export function markOf(folder: string, name: string): string | undefined {
  const stat = lstatSync(join(folder, name), { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.mtimeNs}`;
}

/** Removes a file among the leases; it may be gone. */
export function removeLease(folder: string, name: string): void {
  try {
    rmSync(join(folder, name), { force: true });
  } catch (cause) {
    throw failed(`the lease ${name} cannot be removed`, cause);
  }
}

/** The address that was given last out of a set; undefined if there is none, or the file was torn. */
export function readLastReserved(folder: string, set: number): Ip | undefined {
  try {
    return readAddress(readFileSync(lastReservedPath(folder, set), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw failed("the last reserved address cannot be read", error);
  }
}

/** Remembers the address that was given last out of a set. */
export function writeLastReserved(folder: string, set: number, ip: Ip): void {
  try {
    // Emptying the file first would have ext4 write it to the disk when it is closed.
    const fd = openSync(lastReservedPath(folder, set), constants.O_RDWR | constants.O_CREAT, leaseMode);
    try {
      const length = writeSync(fd, formatIp(ip), 0);
      if (fstatSync(fd).size > length) ftruncateSync(fd, length);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw failed("the last reserved address cannot be written", cause);
  }
}

const lastReservedPath = (folder: string, set: number): string => join(folder, `last_reserved_ip.${set}`);

/** A failed file operation as an error of this package. */
export function failed(what: string, cause: unknown): KxError {
  const isFull = ["ENOSPC", "EDQUOT"].includes((cause as NodeJS.ErrnoException).code ?? "");
  return new KxError("KX_CNI_IO", `${what}: ${KxError.from(cause).reason}`, {
    cause,
    remedy: isFull ? "make room on that disk" : "check the folder's permissions and its disk",
  });
}
