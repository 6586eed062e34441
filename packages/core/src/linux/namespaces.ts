import { closeSync, openSync } from "node:fs";
import { KxError } from "../error.ts";
import { fromNodeError } from "./errno.ts";
import { call, loadLinux } from "./libc.ts";

const newNet = 0x40000000;
const ownNetns = "/proc/thread-self/ns/net";

/**
 * Runs `work` with this thread in another network namespace, and comes back. `work` must be synchronous: whatever else the
 * thread did meanwhile, and each process or thread that it started, would be in that namespace too. Only for a worker that
 * does nothing else. Where the way back fails the process is aborted, since it would go on in a pod's network.
 *
 * @param namespace - its path, such as `/var/run/netns/x` or `/proc/<pid>/ns/net`, or the number of an open file of it.
 * @throws KxError `KX_LINUX_SYSCALL`, or what `work` throws.
 */
export function inNetns<T>(namespace: string | number, work: () => T extends PromiseLike<unknown> ? never : T): T {
  loadLinux();
  const path = typeof namespace === "string" ? namespace : `file ${namespace}`;
  const own = openNamespace(ownNetns);
  const other = typeof namespace === "string" ? openNamespace(namespace) : namespace;
  try {
    call("setns", [other, newNet], { path });
    let result: T;
    try {
      result = work();
    } finally {
      comeBack(own);
    }
    if (result instanceof Promise) {
      throw new KxError("KX_LINUX_NETNS_ASYNC", `work in the network namespace ${path} was asynchronous`, {
        remedy: "do only synchronous work in it; open sockets there and use them later",
      });
    }
    return result;
  } finally {
    closeSync(own);
    if (other !== namespace) closeSync(other);
  }
}

/**
 * Puts this thread into a new network namespace, for good. Only for a worker or process that does nothing else.
 *
 * @throws KxError `KX_LINUX_SYSCALL`.
 */
export function unshareNet(): void {
  call("unshare", [newNet]);
}

/** Tells the kernel to kill this process as soon as the thread that started it ends. */
export function dieWithParent(): void {
  const [setDeathSignal, kill] = [1, 9];
  call("prctl", [setDeathSignal, kill, 0, 0, 0]);
}

function comeBack(own: number): void {
  try {
    call("setns", [own, newNet]);
  } catch {
    process.abort();
  }
}

function openNamespace(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw fromNodeError(error);
  }
}
