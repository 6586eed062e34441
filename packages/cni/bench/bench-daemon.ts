import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linuxAddonPath } from "@kx/core/linux";
import { bundle } from "@kx/tooling/tsup";
import { build } from "tsup";

/** How late a timer of the daemon's main thread was, in milliseconds. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The daemon under measurement. */
export interface BenchDaemon extends AsyncDisposable {
  readonly pid: number;
  /** Begins to watch the loop, or ends it and gives the delays since. */
  loopDelay(): Promise<LoopDelay>;
  rssMiB(): number;
}

/** Bundles the daemon into a folder, as it is on nodes. */
export async function bundleDaemon(folder: string): Promise<void> {
  const source = (name: string) => join(import.meta.dirname, name);
  const { entry: _, ...options } = bundle({});
  await build({
    ...options,
    config: false,
    sourcemap: false,
    clean: false,
    entry: { daemon: source("daemon-main.ts"), worker: source("../src/net/worker.ts") },
    outDir: folder,
  });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const addon = linuxAddonPath();
  if (addon !== undefined) copyFileSync(addon, join(folder, "koffi.node"));
}

/** Starts the daemon of a folder in this process's network namespace. */
export async function startBenchDaemon(folder: string, socketPath: string): Promise<BenchDaemon> {
  // As kx starts a node agent: a burst leaves less memory taken.
  const flags = ["--max-semi-space-size=2", "--v8-pool-size=1", "--heap-growing-percent=40"];
  const args = [...flags, join(folder, "daemon.js"), socketPath];
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { stdout, pid } = child;
  if (stdout === null || pid === undefined) throw new Error("the daemon did not start");
  const ended = once(child, "exit");
  const line = async () => String((await Promise.race([once(stdout, "data"), ended]))[0]);
  const first = await line();
  if (!first.startsWith("ready")) throw new Error(`the daemon ended: ${first}`);
  return {
    pid,
    async loopDelay() {
      const said = line();
      child.kill("SIGUSR2");
      return JSON.parse(await said);
    },
    rssMiB: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
