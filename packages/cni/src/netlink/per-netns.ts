import { statSync } from "node:fs";

/**
 * One of something for the network namespace that this thread is in; it stays open until the thread is in another when it
 * is asked for again.
 */
export function perNetns<T extends Disposable>(open: () => T): () => T {
  let shared: { readonly value: T; readonly inode: number } | undefined;
  return () => {
    const inode = statSync("/proc/thread-self/ns/net").ino;
    if (shared?.inode === inode) return shared.value;
    shared?.value[Symbol.dispose]();
    shared = { value: open(), inode };
    return shared.value;
  };
}
