import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { KxError, type KxErrorCode } from "@kx/core";
import type { ExecOptions, ExecResult } from "./types.ts";

/** Runs a program on this machine to its end. Does not throw on a non-zero exit; throws if it cannot be started. */
export function execute(command: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: "SIGKILL" }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", (error: NodeJS.ErrnoException) => {
      const missing = error.code === "ENOENT";
      reject(
        missing
          ? new KxError("KX_CLUSTER_HOST", `the program ${command} is missing`, {
              cause: error,
              remedy: "`kx doctor` tells which package brings it",
            })
          : error,
      );
    });
    child.on("close", (code, signal) =>
      resolve({
        exitCode: code ?? (signal === null ? 1 : 128),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
    child.stdin.on("error", () => {}); // the program ended without reading all of it; its exit code tells
    child.stdin.end(options.input ?? "");
  });
}

/** Like {@link execute}, but a non-zero exit is a KxError with the program's words. */
export async function executeOrThrow(
  command: string,
  args: readonly string[],
  options: ExecOptions = {},
  code: KxErrorCode = "KX_CLUSTER_HOST",
): Promise<string> {
  const result = await execute(command, args, options);
  if (result.exitCode === 0) return result.stdout;
  const words = (result.stderr || result.stdout).trim();
  throw new KxError(code, `${command} ${args.join(" ")} failed with exit code ${result.exitCode}: ${words}`);
}

/** Options of {@link until}. */
export interface UntilOptions {
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Says, at the deadline, what was waited for and what was last seen. */
  readonly failure: () => KxError | Promise<KxError>;
}

/** Calls `attempt` until it returns something else than undefined; what it throws ends the wait. */
export async function until<T>(attempt: () => Promise<T | undefined>, options: UntilOptions): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const value = await attempt();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw await options.failure();
    await delay(options.intervalMs ?? 25, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

/** The process ids of a process's children, oldest first; empty when it is gone. */
export async function childPids(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}

/** Identifies a process across reuse of its id: its start time in clock ticks since boot (proc_pid_stat(5), field 22). */
export async function startTime(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}

/** The last lines of a log file, for an error's text. */
export async function logTail(path: string, lines = 15): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  const tail = text.trimEnd().split("\n").slice(-lines).join("\n");
  return tail === "" ? `${path} is empty` : `the end of ${path}:\n${tail}`;
}
