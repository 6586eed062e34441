import { access, open, watch } from "node:fs/promises";
import { clusterLogs } from "@kx/cluster";
import { didYouMean, KxError } from "@kx/core";
import { clusterDir } from "../cluster-dir.ts";
import { supervisorLog } from "../launch.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

/** Flags of `kx logs`. */
export interface LogsOptions {
  readonly dir?: string;
  readonly follow?: boolean;
  readonly tail?: number;
}

/** Prints a process's log, or without a name the names. Resolves to the exit code. */
export async function logs(name: string | undefined, options: LogsOptions, terminal: Terminal): Promise<number> {
  const dir = clusterDir(options.dir, terminal.env);
  const all = [...(await clusterLogs(dir)), ...(await ownLog(dir))];
  if (all.length === 0) {
    throw new KxError("KX_CLUSTER_NOT_RUNNING", `there are no logs in ${dir}`, { remedy: "start a cluster: `kx up`" });
  }
  if (name === undefined) {
    const rows = all.map((log) => [log.name, log.path]);
    terminal.stdout.write(`${table(["component", "log"], rows)}\n`);
    return 0;
  }
  const found = all.find((log) => log.name === name);
  if (found === undefined) {
    const names = all.map((log) => log.name);
    const meant = didYouMean(name, names);
    throw new KxError("KX_CLI_COMPONENT", `there is no log of ${name}`, {
      remedy: meant === undefined ? `there are ${names.join(", ")}` : `did you mean ${meant}?`,
    });
  }
  await print(found.path, options, terminal);
  return 0;
}

async function ownLog(dir: string): Promise<{ readonly name: string; readonly path: string }[]> {
  const path = supervisorLog(dir);
  return access(path).then(
    () => [{ name: "supervisor", path }],
    () => [],
  );
}

async function print(path: string, { tail, follow }: LogsOptions, { stdout }: Terminal): Promise<void> {
  const file = await open(path);
  try {
    const text = (await file.readFile("utf8")).replace(/\n$/, "");
    const lines =
      tail === undefined
        ? text
        : text
            .split("\n")
            .slice(-tail || Infinity)
            .join("\n");
    if (lines !== "") stdout.write(`${lines}\n`);
    if (follow !== true) return;
    // Reading goes on where it stopped.
    for await (const _ of changes(path)) stdout.write(await file.readFile("utf8"));
  } finally {
    await file.close();
  }
}

/** Yields at each change of a file, and ends when it is removed. */
async function* changes(path: string): AsyncGenerator<void> {
  const events = watch(path);
  yield; // what was written before the watch
  for await (const { eventType } of events) {
    yield;
    if (eventType === "rename") return;
  }
}
