// The process that makes the calls which may hang: one at a time, blocking only itself.
import { closeSync, openSync, readSync, type Stats, statfsSync, statSync } from "node:fs";
import { fromNodeError } from "./errno.ts";
import { isLinuxAvailable } from "./libc.ts";
import type { MountRequest } from "./mount-plan.ts";
import { dieWithParent } from "./namespaces.ts";
import { type MountPlace, mountAt, type UnmountPlace, unmountAt } from "./placed-mount.ts";
import { packFailure } from "./worker-calls.ts";

/** What stat(2) tells of a path, links followed. */
export interface PathStat {
  readonly kind: "file" | "folder" | "block" | "other";
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the file system; with `inode` it tells files apart. */
  readonly device: number;
  readonly inode: number;
}

/** What statfs(2) tells of the file system that holds a path. */
export interface FileSystemStat {
  readonly totalBytes: bigint;
  /** For anyone but root, who may have a reserve. */
  readonly availableBytes: bigint;
  readonly freeBytes: bigint;
  readonly totalInodes: bigint;
  readonly freeInodes: bigint;
}

const handlers = {
  stat(path: string): PathStat {
    const found = statSync(path);
    const { size, mode, uid, gid, dev, ino } = found;
    return { kind: kindOf(found), sizeBytes: size, mode, uid, gid, device: dev, inode: ino };
  },
  statfs(path: string): FileSystemStat {
    const { bsize, blocks, bavail, bfree, files, ffree } = statfsSync(path, { bigint: true });
    return {
      totalBytes: blocks * bsize,
      availableBytes: bavail * bsize,
      freeBytes: bfree * bsize,
      totalInodes: files,
      freeInodes: ffree,
    };
  },
  /** Bytes of a file from an offset on; one that has no offsets, such as a pipe, is read as it comes. */
  read(path: string, maxBytes: number, offset: number): Uint8Array {
    const fd = openSync(path, "r");
    try {
      const bytes = new Uint8Array(maxBytes);
      let length = 0;
      for (let count = -1; count !== 0 && length < maxBytes; length += count) {
        count = readSync(fd, bytes, length, maxBytes - length, offset === 0 ? null : offset + length);
      }
      return bytes.slice(0, length);
    } finally {
      closeSync(fd);
    }
  },
  mount: (_target: string, request: MountRequest, place: MountPlace): void => mountAt(request, place),
  unmount: (target: string, place: UnmountPlace): void => unmountAt(target, place),
};

/** The calls, each with the path that it may hang at first. */
export type BoundedHandlers = typeof handlers;

function kindOf(found: Stats): PathStat["kind"] {
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "folder";
  return found.isBlockDevice() ? "block" : "other";
}

// A parent that is killed leaves nothing behind, even while a call hangs. Without the binding, only when it returns.
if (isLinuxAvailable()) dieWithParent();
process.on("disconnect", () => process.exit(0));
process.on("message", ({ name, args }: { name: keyof BoundedHandlers; args: readonly never[] }) => {
  const run: (...values: never[]) => unknown = handlers[name];
  try {
    process.send?.({ value: run(...args) });
  } catch (error) {
    process.send?.({ failure: packFailure(fromNodeError(error)) });
  }
});
