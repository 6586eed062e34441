import { closeSync, openSync } from "node:fs";
import { KxError } from "@kx/core";
import { inNetns } from "@kx/core/linux";

/** An open network namespace: it stays the same one, whatever becomes of its path. */
export interface OpenNetns extends Disposable {
  readonly fd: number;
  /**
   * Runs synchronous work with this thread in the namespace. Settings under /proc/sys/net and new netlink sockets are
   * those of the namespace then.
   */
  enter<T>(work: () => T extends PromiseLike<unknown> ? never : T): T;
}

/** @throws KxError `KX_CNI_NETNS` if it cannot be opened. */
export function openNetns(path: string): OpenNetns {
  const fd = open(path);
  return {
    fd,
    enter: (work) => inNetns(fd, work),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new KxError("KX_CNI_NETNS", `the network namespace ${path} cannot be opened: ${code ?? String(cause)}`, {
      cause,
      details: { path, errno: code },
    });
  }
}
