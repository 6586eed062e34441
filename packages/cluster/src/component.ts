import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import type { Readable } from "node:stream";
import { KxError } from "@kx/core";
import { childPids, logTail, until } from "./host.ts";
import type { ClusterProcess } from "./types.ts";

/** One process of a cluster. */
export interface ComponentSpec {
  /** `kube-apiserver` or `node-1/kubelet`. */
  readonly name: string;
  /** Asked at each start, as a node has other namespaces after a reboot. */
  readonly argv: () => readonly string[];
  /** Names of the assets that it executes, to be verified before each start. */
  readonly programs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
  /** Its end is the end of the cluster: what ran in its namespaces is gone. */
  readonly vital?: boolean;
  /** How many forks (by nsenter, unshare) lie between what is spawned and the program itself. */
  readonly forks: number;
}

const restartDelayMs = 1000;

/**
 * Keeps one program running: it dies with this process, also on SIGKILL, and is started again if it ends by itself
 * after `settled` was called.
 */
export class Component {
  readonly spec: ComponentSpec;
  #child: ChildProcess | undefined;
  #startedAt = new Date();
  #starts = 0;
  #ended: Promise<void> = Promise.resolve();
  #wanted = false;
  #settled = false;
  #failed: KxError | undefined;

  readonly #onVitalEnd: (error: KxError) => void;

  constructor(spec: ComponentSpec, onVitalEnd: (error: KxError) => void) {
    this.spec = spec;
    this.#onVitalEnd = onVitalEnd;
  }

  /** Starts the program. With `ready`, resolves once it wrote a line to file descriptor 3. */
  async start(ready = false): Promise<void> {
    this.#wanted = true;
    this.#failed = undefined;
    const log = openSync(this.spec.log, "a", 0o600);
    try {
      // The child that setpriv becomes gets SIGKILL when the thread that spawned it ends: spawn from the main thread.
      const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...this.spec.argv()], {
        stdio: ["ignore", log, log, ready ? "pipe" : "ignore"],
        env: { ...this.spec.env },
        cwd: "/",
        detached: true, // a Ctrl-C in the terminal is for the owner alone, which then stops the cluster in order
      });
      this.#child = child;
      this.#startedAt = new Date();
      this.#starts++;
      this.#ended = new Promise((resolve) => {
        child.once("error", (error) => {
          this.#failed = new KxError("KX_CLUSTER_HOST", `cannot start ${this.spec.name}: ${error.message}`, {
            cause: error,
            remedy: "`kx doctor` tells what is missing",
          });
          resolve();
        });
        child.once("exit", (code, signal) => {
          this.#onExit(code, signal);
          resolve();
        });
      });
      if (ready) await this.#waitForLine(child);
    } finally {
      closeSync(log);
    }
  }

  /** From now on the program is started again when it ends; before, its end is a failure of the start. */
  settle(): void {
    this.#settled = true;
  }

  /** Throws if the program has ended. */
  async check(): Promise<void> {
    if (!this.#failed) return;
    throw new KxError(this.#failed.code, `${this.#failed.reason}; ${await logTail(this.spec.log)}`, {
      cause: this.#failed,
      ...(this.#failed.remedy === undefined ? {} : { remedy: this.#failed.remedy }),
    });
  }

  /** The program's process id as this machine sees it. */
  async pid(): Promise<number> {
    const outer = this.#child?.pid;
    if (outer === undefined) throw new KxError("KX_CLUSTER_PROCESS", `${this.spec.name} is not running`);
    return until(
      async () => {
        await this.check();
        return descendant(outer, this.spec.forks);
      },
      {
        timeoutMs: 10_000,
        intervalMs: 5,
        failure: async () =>
          new KxError("KX_CLUSTER_TIMEOUT", `${this.spec.name} did not start; ${await logTail(this.spec.log)}`),
      },
    );
  }

  /** How the program fares. */
  async describe(): Promise<Pick<ClusterProcess, "state" | "pid" | "since" | "restarts">> {
    const outer = this.#failed === undefined ? this.#child?.pid : undefined;
    const pid = outer === undefined ? undefined : await descendant(outer, this.spec.forks);
    return {
      state: pid === undefined ? "ended" : "running",
      ...(pid === undefined ? {} : { pid }),
      since: this.#startedAt.toISOString(),
      restarts: Math.max(0, this.#starts - 1),
    };
  }

  /** Kills the program and waits for its end. */
  async stop(): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      kill((await descendant(child.pid, this.spec.forks)) ?? child.pid);
    }
    await this.#ended;
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    if (!this.#wanted) return;
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
    this.#failed = new KxError("KX_CLUSTER_PROCESS", `${this.spec.name} ended with ${how}`);
    if (!this.#settled) return;
    const next =
      this.spec.vital === true ? "the cluster is stopped" : `it is started again in ${restartDelayMs / 1000} s`;
    const log = openSync(this.spec.log, "a", 0o600);
    writeSync(log, `kx: ${this.spec.name} ended with ${how}; ${next}\n`);
    closeSync(log);
    if (this.spec.vital === true) return this.#onVitalEnd(this.#failed);
    setTimeout(() => {
      if (this.#wanted) this.start().catch(() => {}); // its failure shows in check() and in the log
    }, restartDelayMs).unref();
  }

  async #waitForLine(child: ChildProcess): Promise<void> {
    const pipe = child.stdio[3] as Readable;
    const told = new Promise<boolean>((resolve) => {
      pipe.once("data", () => resolve(true));
      pipe.once("end", () => resolve(false));
      pipe.once("error", () => resolve(false));
    });
    const ok = await told;
    pipe.destroy();
    if (ok) return;
    await this.#ended;
    await this.check();
    throw new KxError("KX_CLUSTER_PROCESS", `${this.spec.name} did not get ready; ${await logTail(this.spec.log)}`);
  }
}

/** The process `depth` first children below. */
async function descendant(pid: number, depth: number): Promise<number | undefined> {
  let current: number | undefined = pid;
  for (let i = 0; i < depth && current !== undefined; i++) [current] = await childPids(current);
  return current;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
