import { closeSync, constants, lstatSync, mkdirSync, openSync, rmdirSync, unlinkSync } from "node:fs";
import { constants as system } from "node:os";
import { basename, dirname, relative } from "node:path";
import { KxError } from "../error.ts";
import { fromNodeError, syscallError } from "./errno.ts";
import { mountNow, runMountPlan, type UnmountOptions, unmountPath } from "./mount.ts";
import type { MountRequest } from "./mount-plan.ts";
import { openBeneath } from "./open-beneath.ts";

/** Where a mount goes. */
export interface MountPlace {
  /** A folder that is trusted: no part of the target below it may be a link, whatever others rename meanwhile. Default: links are followed. */
  readonly beneath?: string;
  /** Makes the last part of the target if nothing is there. Default: it has to be there. */
  readonly create?: "folder" | "file";
  /** Of what is made. Default: 0750 for a folder, 0640 for a file. */
  readonly mode?: number;
}

/** How to unmount, and what to do then. */
export interface UnmountPlace extends UnmountOptions {
  /** As in `MountPlace`. */
  readonly beneath?: string;
  /** Unmounts all that is mounted there, be it nothing, and removes the place: an empty folder or file. Default: false. */
  readonly remove?: boolean;
}

const pathOnly = 0o10000000;
const isDirectory = constants.O_DIRECTORY;

/**
 * Mounts as `mountNow`, at a place that may be beneath a folder: it is opened without following links and named by its file
 * descriptor, so that nobody can put a link in its place.
 *
 * @throws KxError as `mountNow` and `openBeneath`.
 */
export function mountAt(request: MountRequest, { beneath, create, mode }: MountPlace = {}): void {
  const { target } = request;
  if (create !== undefined) {
    inParent(target, beneath, (path) => makePlace(path, target, create, mode ?? (create === "folder" ? 0o750 : 0o640)));
  }
  if (beneath === undefined) return mountNow(request);
  const below = within(beneath, target);
  runMountPlan(request, (run) => atDescriptor(openBeneath(beneath, below, pathOnly), run));
}

/**
 * Unmounts as `unmountNow`, beneath a folder if asked, and removes the place if asked; then it may be gone already.
 *
 * @throws KxError as `unmountNow` and `openBeneath`.
 */
export function unmountAt(target: string, { beneath, remove = false, ...how }: UnmountPlace = {}): void {
  if (!remove) return inParent(target, beneath, (path) => unmountPath(path, target, how));
  try {
    inParent(target, beneath, (path) => {
      while (isUnmounted(path, target, how));
      removePlace(path, target);
    });
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** Unmounts the uppermost mount; false if there is none. */
function isUnmounted(path: string, target: string, how: UnmountOptions): boolean {
  try {
    unmountPath(path, target, how);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EINVAL") return false;
    throw error;
  }
}

/** Runs with a path whose last part is that of the target, and whose parent nobody can exchange. */
function inParent(target: string, beneath: string | undefined, run: (path: string) => void): void {
  if (beneath === undefined) return run(target);
  const parent = openBeneath(beneath, dirname(within(beneath, target)), pathOnly | isDirectory);
  atDescriptor(parent, (path) => run(`${path}/${basename(target)}`));
}

function atDescriptor(fd: number, run: (path: string) => void): void {
  try {
    run(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

function within(root: string, target: string): string {
  const below = relative(root, target);
  const isBelow = target.startsWith("/") && below !== "" && !below.startsWith("../") && below !== "..";
  if (isBelow) return below;
  const reason = `${JSON.stringify(target)} is not opened beneath ${root}: it leads out`;
  throw new KxError("KX_LINUX_BENEATH", reason, { details: { root, path: target } });
}

function makePlace(path: string, target: string, kind: "folder" | "file", mode: number): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    if (kind === "folder") mkdirSync(path, { mode });
    else closeSync(openSync(path, flags, mode));
  } catch (error) {
    if (errnoOf(fromNodeError(error)) !== "EEXIST") throw fromNodeError(withPath(error, target));
  }
}

/** Never more than an empty folder or file: what else is there belongs to somebody. */
function removePlace(path: string, target: string): void {
  try {
    const stat = lstatSync(path);
    if (stat.isDirectory()) return rmdirSync(path);
    if (stat.isFile() && stat.size === 0) return unlinkSync(path);
  } catch (error) {
    throw fromNodeError(withPath(error, target));
  }
  throw syscallError("unlink", system.errno.ENOTEMPTY, { path: target, remedy: "move away what is there" });
}

function withPath(error: unknown, path: string): unknown {
  return error instanceof Error ? Object.assign(error, { path }) : error;
}

function errnoOf(error: unknown): unknown {
  return KxError.is(error) ? error.details["errno"] : undefined;
}
