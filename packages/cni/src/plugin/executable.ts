import { type ChildProcess, spawn } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { type Clock, KxError } from "@kx/core";
import { type CniError, cniError } from "@kx/core/contracts/cni";
import type { Environment } from "./environment.ts";
import { cancelled, foreignFailure } from "./failure.ts";

const busyRetries = 5;
const busyDelayMs = 1000;

/** One call of a plug-in's file. */
export interface Execution {
  /** The plug-in's type, for messages. */
  readonly type: string;
  readonly file: string;
  readonly env: Environment;
  readonly stdin: string;
  /** Kills the plug-in. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Whether what the plug-in started is killed with it. Default: false, it stays in the caller's process group. */
  readonly ownGroup?: boolean;
  /** Gets what the plug-in wrote to standard error. */
  readonly onStderr?: (text: string) => void;
}

/**
 * Finds the file of a plug-in.
 *
 * @throws KxError `KX_CNI_PLUGIN_MISSING`.
 */
export function findPlugin(type: string, path: readonly string[]): string {
  const isName = type !== "" && type !== "." && type !== ".." && !/[/\0]/.test(type);
  const found = isName ? path.map((folder) => join(folder, type)).find(isFile) : undefined;
  if (found !== undefined) return found;
  throw new KxError("KX_CNI_PLUGIN_MISSING", `there is no plug-in ${JSON.stringify(type)} in ${path.join(":")}`, {
    remedy: isName ? "install it there, or correct the type" : "a type is a file's name, without a folder",
    details: { type },
  });
}

/**
 * Runs a plug-in and gives what it printed.
 *
 * @throws KxError `KX_CNI_PLUGIN` with the plug-in's own code, or `KX_CNI_CANCELLED`.
 */
export async function executePlugin(execution: Execution): Promise<string> {
  const { type, signal, clock, onStderr } = execution;
  // A plug-in that is just being installed cannot run for a moment ("text file busy").
  for (let tries = 0; ; tries++) {
    if (signal.aborted) throw cancelled(signal);
    const ended = await run(execution);
    if (ended.busy && tries < busyRetries) {
      await clock.sleep(busyDelayMs, signal);
      continue;
    }
    if (ended.stderr !== "") onStderr?.(ended.stderr);
    if (ended.how === undefined) return ended.stdout;
    if (signal.aborted) throw cancelled(signal);
    throw foreignFailure(await failureOf(type, ended.how, ended), type);
  }
}

interface Ended {
  /** How it failed; undefined if it did not. */
  readonly how: string | undefined;
  readonly busy: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

async function run({ file, env, stdin, signal, ownGroup = false }: Execution): Promise<Ended> {
  let child: ReturnType<typeof start>;
  try {
    child = start(file, env, ownGroup);
  } catch (error) {
    return { ...notRun(error), stdout: "", stderr: "" };
  }
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const kill = () => killPlugin(child, ownGroup);
  signal.addEventListener("abort", kill);
  // A plug-in need not read what it is given.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const { promise, resolve } = Promise.withResolvers<{ how: string | undefined; busy: boolean }>();
  child.once("error", (error) => resolve(notRun(error)));
  child.once("close", (code, died) => {
    resolve({ how: code === 0 ? undefined : `ended with ${died ?? `exit code ${code}`}`, busy: false });
  });
  const ended = await promise;
  signal.removeEventListener("abort", kill);
  return { ...ended, stdout: stdout(), stderr: stderr() };
}

function start(file: string, env: Environment, ownGroup: boolean) {
  return spawn(file, { env, stdio: "pipe", detached: ownGroup, cwd: "/" });
}

/** Node throws some of these errors, and emits others. */
function notRun(error: unknown): Pick<Ended, "how" | "busy"> {
  const { message, code } = error as NodeJS.ErrnoException;
  return { how: `cannot be run: ${message}`, busy: code === "ETXTBSY" };
}

function killPlugin(child: ChildProcess, ownGroup: boolean): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(ownGroup ? -child.pid : child.pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
  // What it started may hold its outputs open.
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function collect(stream: AsyncIterable<Uint8Array> & NodeJS.ReadableStream): () => string {
  const chunks: Uint8Array[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** The error that the plug-in printed; where it printed none, what is known of it. */
async function failureOf(type: string, how: string, { stdout, stderr }: Ended): Promise<CniError> {
  const printed = await parseFailure(stdout);
  if (printed !== undefined) return printed;
  const said = stderr.trim() || stdout.trim();
  const shown = said.length > 2000 ? `... ${said.slice(-2000)}` : said;
  return { code: 999, msg: `the plug-in ${type} ${how}${shown === "" ? " and said nothing" : `: ${shown}`}` };
}

async function parseFailure(stdout: string): Promise<CniError | undefined> {
  try {
    const checked = await cniError["~standard"].validate(JSON.parse(stdout));
    return checked.issues === undefined ? checked.value : undefined;
  } catch {
    return undefined;
  }
}
