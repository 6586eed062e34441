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
  let isMounted = false;
  for (const { source, target, type, flags, data } of planMount(request)) {
    try {
      call("mount", [source, target, type, flags, data === "" ? null : Buffer.from(`${data}\0`)], { path: target });
    } catch (error) {
      if (isMounted) unmountNow(target, { lazy: true });
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
export function unmountNow(target: string, { lazy = false, force = false }: UnmountOptions = {}): void {
  call("umount2", [target, (force ? forced : 0) | (lazy ? detached : 0) | noFollow], { path: target });
}
