import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { eventually } from "@kx/controllers/testing";

const executable = join(import.meta.dirname, "../../bin/kx-csi-sidecar.mjs");

/** The controllers of a driver behind a socket, as a process that a test can kill. */
export interface SidecarProcess extends AsyncDisposable {
  /** Resolves with exit code and signal. */
  readonly ended: Promise<readonly [number | null, string | null]>;
  kill(signal?: NodeJS.Signals): void;
  hasEnded(): boolean;
  /** Its log so far, an object a line. */
  lines(): readonly Record<string, unknown>[];
  /** The first line with this message. */
  said(message: string): Promise<Record<string, unknown>>;
}

/** Starts it; it ends with the test's process. `command` runs it in another way than by its own executable. */
export function startSidecars(args: readonly string[], command: readonly string[] = [executable]): SidecarProcess {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", process.execPath, ...command, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {},
  });
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line.startsWith("{") ? (JSON.parse(line) as Record<string, unknown>) : { msg: line });
  });
  return {
    ended,
    kill: (signal = "SIGKILL") => void child.kill(signal),
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    lines: () => lines,
    said: (message) =>
      eventually(
        async () => {
          const found = lines.find(({ msg }) => msg === message);
          if (found === undefined) throw new Error(JSON.stringify(lines.slice(-10)));
          return found;
        },
        { describe: `the sidecars to say ${JSON.stringify(message)}`, timeoutMs: 60_000 },
      ),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
