import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Progress } from "@kx/cluster";
import { KxError } from "@kx/core";
import type { SupervisorMessage, UpRequest } from "./supervision.ts";

/** What the supervisor wrote; it stays after a start that failed. */
export function supervisorLog(dir: string): string {
  return join(dir, "supervisor.log");
}

/**
 * Starts a supervisor in a session of its own and follows it until its cluster is up. If this process ends before, or
 * the signal aborts, the supervisor stops what it has started.
 *
 * @throws the supervisor's KxError; KX_CLI_INTERRUPTED after an abort; KX_CLI_SUPERVISOR
 */
export async function launch(
  request: UpRequest,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  const path = supervisorLog(request.dir);
  await mkdir(request.dir, { recursive: true, mode: 0o700 });
  const log = openSync(path, "w", 0o600);
  const main = fileURLToPath(new URL("./supervisor.js", import.meta.url));
  const child = spawn(process.execPath, [main, JSON.stringify(request)], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    cwd: "/",
  });
  closeSync(log);
  const leave = (): void => {
    if (child.connected) child.disconnect();
  };
  signal.addEventListener("abort", leave, { once: true });
  try {
    await follow(child, path, report, signal);
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
    child.unref();
  }
}

async function follow(
  child: ChildProcess,
  log: string,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  let outcome: SupervisorMessage | undefined;
  const told = new Promise<void>((resolve) => {
    child.on("message", (message: SupervisorMessage) => {
      if (message.type === "progress") return report(message.progress);
      outcome = message;
      if (message.type === "up") resolve();
    });
  });
  await Promise.race([told, once(child, "exit")]);
  if (outcome?.type === "up") return;
  if (signal.aborted) {
    throw new KxError("KX_CLI_INTERRUPTED", "the start was interrupted; what it had made was removed");
  }
  if (outcome?.type === "error") {
    const { code, reason, remedy, stack } = outcome;
    throw new KxError(code, reason, { cause: stack, ...(remedy === undefined ? {} : { remedy }) });
  }
  const tail = (await readFile(log, "utf8").catch(() => "")).trimEnd().split("\n").slice(-10).join("\n");
  throw new KxError("KX_CLI_SUPERVISOR", `the supervisor ended without a word; the end of ${log}:\n${tail}\n`, {
    remedy: "`kx down` cleans up what it left",
  });
}
