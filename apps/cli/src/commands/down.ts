import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { cleanUp, clusterStatus, connectCluster, signalOwner } from "@kx/cluster";
import { KxError } from "@kx/core";
import { clusterDir } from "../cluster-dir.ts";
import { seconds } from "../progress.ts";
import type { Terminal } from "../terminal.ts";

/** Flags of `kx down`. */
export interface DownOptions {
  readonly dir?: string;
}

const stopMs = 30_000;
const endMs = 5000;

/** Stops the folder's cluster, or removes what a crash left of it. Resolves to the exit code. */
export async function down(options: DownOptions, terminal: Terminal): Promise<number> {
  const dir = clusterDir(options.dir, terminal.env);
  const say = (text: string): unknown => terminal.stdout.write(`${text}\n`);
  const started = performance.now();
  const status = await clusterStatus(dir);
  if (status === undefined) {
    await removeLeftovers(dir);
    say(`nothing is running in ${dir}`);
    return 0;
  }
  const { phase, ownerPid } = status;
  if (phase === "up") await askToStop(dir);
  if (phase !== "crashed") await endOwner(dir, ownerPid, say);
  const remains = (await clusterStatus(dir)) !== undefined;
  await cleanUp(dir);
  await removeLeftovers(dir);
  const took = seconds(performance.now() - started);
  if (phase === "crashed") say(`cleaned up after process ${ownerPid}, which left its cluster behind, in ${took}`);
  else if (remains) say(`ended the cluster and removed what was left of it in ${took}`);
  else say(`stopped the cluster in ${took}`);
  return 0;
}

/** Through its control socket; whatever goes wrong there, signals follow. */
async function askToStop(dir: string): Promise<void> {
  const stop = connectCluster(dir).then((cluster) => cluster.stop());
  const late = new Promise((resolve) => setTimeout(resolve, stopMs).unref());
  await Promise.race([stop.catch(() => {}), late]);
}

/** Waits until the owner is gone, and makes it go if it must. */
async function endOwner(dir: string, pid: number, say: (text: string) => unknown): Promise<void> {
  const status = await clusterStatus(dir);
  if (status === undefined || status.phase === "crashed") return awaitSupervisor(dir, pid, say);
  say(`asking process ${pid} to stop (SIGTERM)`);
  if (await signalOwner(dir, "SIGTERM", stopMs)) return;
  say(`ending process ${pid} (SIGKILL)`);
  if (await signalOwner(dir, "SIGKILL", endMs)) return;
  throw new KxError("KX_CLI_SUPERVISOR", `process ${pid} does not end`, {
    remedy: "see what it does: ps -o stat,wchan",
  });
}

/** A supervisor ends once its cluster has stopped; another owner, such as a test, may go on. */
async function awaitSupervisor(dir: string, pid: number, say: (text: string) => unknown): Promise<void> {
  for (const deadline = Date.now() + endMs; await isSupervisor(dir, pid); await delay(10)) {
    if (Date.now() < deadline) continue;
    say(`ending process ${pid} (SIGKILL)`);
    process.kill(pid, "SIGKILL");
    return;
  }
}

async function isSupervisor(dir: string, pid: number): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.includes("supervisor.js") && commandLine.includes(JSON.stringify(dir));
}

const ours = ["supervisor.log", "install"];

/** The supervisor's log stays after a failed start, to be read; it goes with the first `kx down` after. */
async function removeLeftovers(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  if (names.some((name) => !ours.includes(name))) return;
  for (const name of names) await rm(join(dir, name), { recursive: true, force: true });
  await rmdir(dir).catch(() => {});
}
