import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../bin/kx.mjs", import.meta.url));

/** A kx that was started. */
export interface RunningKx {
  readonly child: ChildProcess;
  /** Waits until standard error holds a text. */
  told(text: string): Promise<void>;
  /** Its end. */
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** Starts the command as a user does, for the cluster of a folder. */
export function startKx(dir: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): RunningKx {
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...env, KX_DIR: dir },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const waiting = new Set<() => void>();
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    for (const look of waiting) look();
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return {
    child,
    ended,
    told: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stderr.includes(text)) resolve();
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`kx ended before it said ${JSON.stringify(text)}: ${stderr}`)));
      }),
  };
}

/** Runs the command to its end. */
export function kx(dir: string, ...args: string[]): RunningKx["ended"] {
  return startKx(dir, args).ended;
}
