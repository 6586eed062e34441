import { call } from "./libc.ts";
import { type MountRequest, planMount } from "./mount-plan.ts";

/** How to unmount. */
export interface UnmountOptions {
  /** Hides it at once and ends it when it is no longer used. Default: false. */
  readonly lazy?: boolean;
  /** Aborts what waits for a network file system's server. Default: false. */
  readonly force?: boolean;
}

const [forced, detached, noFollow] = [1, 2, 8];

/**
 * Mounts now, in this thread, which a file system may block for ever: `createBoundedCalls` does not. If a later step
 * fails (read-only for a bind, propagation), what was mounted is unmounted again.
 *
 * @throws KxError `KX_LINUX_SYSCALL`, `KX_LINUX_MOUNT_OPTIONS` or `KX_LINUX_UNAVAILABLE`.
 */
export function mountNow(request: MountRequest): void {
  runMountPlan(request, (run) => run(request.target));
}

/**
 * Makes the calls of a mount.
 *
 * @param at - runs a call with a path that leads to the target now: once it is mounted, to what is mounted there.
 */
export function runMountPlan(request: MountRequest, at: (run: (path: string) => void) => void): void {
  const shown = request.target;
  let isMounted = false;
  for (const { source, type, flags, data } of planMount(request)) {
    const bytes = data === "" ? null : Buffer.from(`${data}\0`);
    try {
      at((path) => void call("mount", [source, path, type, flags, bytes], { path: shown }));
    } catch (error) {
      // Lazily, since the path may hold it open.
      if (isMounted) at((path) => unmountPath(path, shown, { lazy: true, isFollowed: path !== shown }));
      throw error;
    }
    const isNew = (flags & 0x20) === 0;
    isMounted ||= isNew && !(request.options ?? []).includes("remount");
  }
}

/**
 * Unmounts now, in this thread. The last part of the path is not followed if it is a link.
 *
 * @throws KxError `KX_LINUX_SYSCALL` or `KX_LINUX_UNAVAILABLE`.
 */
export function unmountNow(target: string, options: UnmountOptions = {}): void {
  unmountPath(target, target, options);
}

/** Unmounts what a path leads to; an error shows the path that the caller knows. */
export function unmountPath(
  path: string,
  shown: string,
  { lazy = false, force = false, isFollowed = false }: UnmountOptions & { readonly isFollowed?: boolean },
): void {
  const flags = (force ? forced : 0) | (lazy ? detached : 0) | (isFollowed ? 0 : noFollow);
  call("umount2", [path, flags], { path: shown });
}
