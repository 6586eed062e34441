import { closeSync, fsync, openSync } from "node:fs";
import { promisify } from "node:util";

/** Flushes an open file or folder to the disk. */
export const syncFile = promisify(fsync);

/** Flushes a file or folder to the disk. */
export async function syncPath(path: string): Promise<void> {
  const fd = openSync(path, "r");
  try {
    await syncFile(fd);
  } finally {
    closeSync(fd);
  }
}

/** One run for all who ask while the one before is at work. */
export function joined(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = (): Promise<void> => {
    running = run().finally(() => {
      running = undefined;
    });
    return running;
  };
  const follow = (): Promise<void> => {
    next = undefined;
    return start();
  };
  return () => {
    if (running === undefined) return start();
    next ??= running.then(follow, follow);
    return next;
  };
}
