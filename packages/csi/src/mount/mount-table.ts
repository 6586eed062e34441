import type { MountInfo } from "@kx/core/linux";

/** What is mounted at a path and can be seen: the last one, where several are. */
export function mountAtPath(mounts: readonly MountInfo[], path: string): MountInfo | undefined {
  return mounts.findLast(({ mountPoint }) => mountPoint === path);
}

/** Which part of which file system a path is: the same for all paths to which it is bound. */
export interface Place {
  readonly major: number;
  readonly minor: number;
  readonly root: string;
}

/** The place of a path, of which no part is a link. */
export function placeOf(mounts: readonly MountInfo[], path: string): Place | undefined {
  const holding = mounts
    .filter(({ mountPoint }) => isWithin(mountPoint, path))
    // Of two that are mounted at one path, the last is seen.
    .reduce<MountInfo | undefined>(
      (best, mount) => (best === undefined || mount.mountPoint.length >= best.mountPoint.length ? mount : best),
      undefined,
    );
  if (holding === undefined) return undefined;
  const { major, minor, root, mountPoint } = holding;
  return { major, minor, root: join(root, path.slice(mountPoint === "/" ? 0 : mountPoint.length)) };
}

export function isSamePlace(one: Place, other: Place | undefined): boolean {
  return one.major === other?.major && one.minor === other.minor && one.root === other.root;
}

function isWithin(folder: string, path: string): boolean {
  return folder === "/" || path === folder || path.startsWith(`${folder}/`);
}

function join(root: string, rest: string): string {
  if (rest === "" || rest === "/") return root;
  return root === "/" ? rest : root + rest;
}
