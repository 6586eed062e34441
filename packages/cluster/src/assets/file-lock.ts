import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { KxError } from "@kx/core";
import { systemDirs } from "./programs.ts";

/** Options of {@link withFileLock}. */
export interface FileLockOptions {
  /** Where `flock` and `setpriv` are looked for. Default: process.env. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Told once when another process holds the lock, with what that one wrote about itself. */
  readonly onWait?: (holder: string) => void;
}

/**
 * Runs `work` while holding an exclusive lock on a file, across processes. The kernel holds it (flock), for a child that
 * ends when its standard input does: whatever way this process dies, the lock is free at once, without a guess from
 * process ids about who is still alive.
 * @throws KX_CLUSTER_ASSETS_LOCK if the lock cannot be taken; what `work` throws; the signal's reason.
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  { env = process.env, signal, onWait }: FileLockOptions = {},
): Promise<T> {
  // `cat` answers the first byte only after flock has let it run. A session of its own keeps Ctrl-C from freeing the lock
  // before this process has cleaned up.
  // A process that waits must not stay behind if this one is killed; once it has the lock, the end of input ends it.
  const holder = spawn("setpriv", ["--pdeathsig", "KILL", "--", "flock", "--exclusive", path, "cat"], {
    env: { ...env, PATH: [env["PATH"], ...systemDirs].filter(Boolean).join(":") },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let complaint = "";
  holder.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
  holder.stdin.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => {
    holder.once("error", (error) => {
      complaint = error.message;
      resolve();
    });
    holder.once("close", () => resolve());
  });
  const abort = () => holder.pid !== undefined && holder.kill("SIGKILL");
  signal?.addEventListener("abort", abort, { once: true });
  let note: NodeJS.Timeout | undefined;
  try {
    signal?.throwIfAborted();
    if (onWait !== undefined) {
      note = setTimeout(() => void readFile(path, "utf8").then(onWait, () => onWait("")), 300);
    }
    holder.stdin.write("\n");
    await Promise.race([once(holder.stdout, "data"), ended]);
    clearTimeout(note);
    signal?.throwIfAborted();
    if (holder.exitCode !== null || holder.pid === undefined) {
      throw new KxError("KX_CLUSTER_ASSETS_LOCK", `cannot lock ${path}: ${complaint.trim() || "flock ended"}`, {
        remedy: "check that util-linux is installed and that the folder is writable",
      });
    }
    signal?.removeEventListener("abort", abort);
    await writeFile(path, `process ${process.pid} since ${new Date().toISOString()}\n`);
    return await work();
  } finally {
    clearTimeout(note);
    signal?.removeEventListener("abort", abort);
    holder.stdin.end();
    await ended;
  }
}
