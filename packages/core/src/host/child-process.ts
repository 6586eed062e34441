import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Logger } from "../context.ts";
import { eachLine, forwardLine } from "./child-output.ts";
import { type FromChild, isMessage, type ToChild } from "./child-protocol.ts";

/** How a child process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether V8 ended it, as its heap was full. */
  readonly isOutOfHeap: boolean;
  /** What it said last. */
  readonly lastLine: string | undefined;
}

/** A child process at work. */
export interface Child {
  readonly pid: number | undefined;
  /** Resolves when it has ended and its output was read. */
  readonly ended: Promise<Exit>;
  send(message: ToChild): void;
  /** Kills it and what it has started. */
  kill(): void;
}

// How long to wait for the end of the output of a process that has ended, should another keep the pipe open.
const lastOutputMs = 500;

/** Starts a child process with a channel to it; its lines go to `log`. */
export function spawnChild(
  command: { readonly file: string; readonly args: readonly string[] },
  log: Logger,
  onMessage: (message: FromChild) => void,
): Child {
  // A group of its own: a Ctrl-C reaches the host alone, and what the child has started can be killed with it.
  const child = spawn(command.file, command.args, { detached: true, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  let lastLine: string | undefined;
  let isOutOfHeap = false;
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null)
      eachLine(stream, (line) => {
        lastLine = forwardLine(line, log);
        isOutOfHeap ||= line.includes("JavaScript heap out of memory");
      });
  }
  const kill = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended already, with all that it had started.
    }
  };
  child.on("message", (message) => {
    if (isMessage<FromChild>(message, ["up", "beat", "loaded", "ready", "metrics", "failed"])) onMessage(message);
  });
  const ended = new Promise<Exit>((resolve) => {
    child.on("error", (error) => resolve({ code: null, signal: null, isOutOfHeap, lastLine: error.message }));
    child.once("exit", (code, signal) => {
      kill();
      const end = () => {
        clearTimeout(timer);
        resolve({ code, signal, isOutOfHeap, lastLine });
      };
      const timer = setTimeout(end, lastOutputMs);
      child.once("close", end);
    });
  });
  return {
    pid: child.pid,
    ended,
    kill,
    send: (message) => {
      // A failed send means that the child ends, which is waited for anyway.
      if (child.connected) child.send(message, () => undefined);
    },
  };
}

/** The resident memory of a process; undefined where the system does not tell or the process has ended. */
export function rssBytesOf(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}

/** How a process ended, as a clause. */
export function describeExit({ code, signal, lastLine }: Exit): string {
  const how = signal === null ? `ended with exit code ${code ?? "unknown"}` : `was ended by ${signal}`;
  return lastLine === undefined ? how : `${how}; it last said: ${lastLine.slice(0, 500)}`;
}
