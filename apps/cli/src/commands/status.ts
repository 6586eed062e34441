import { type ClusterProcess, clusterStatus, connectCluster } from "@kx/cluster";
import { clusterDir, commandFor } from "../cluster-dir.ts";
import { supervisorLog } from "../launch.ts";
import { type Format, format } from "../output.ts";
import { describeStatus } from "../status-text.ts";
import { age, table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

/** Flags of `kx status`. */
export interface StatusOptions {
  readonly dir?: string;
  readonly output?: Format;
}

/** Shows what runs. Resolves to the exit code: 1 unless the cluster is up. */
export async function status(options: StatusOptions, terminal: Terminal): Promise<number> {
  const dir = clusterDir(options.dir, terminal.env);
  const found = await clusterStatus(dir);
  const isUp = found?.phase === "up";
  const processes = isUp ? await (await connectCluster(dir)).processes() : [];
  if (options.output !== undefined) {
    const value = found === undefined ? { dir, phase: "down" } : { ...found, processes };
    terminal.stdout.write(`${format(value, options.output)}\n`);
    return isUp ? 0 : 1;
  }
  if (found === undefined) {
    terminal.stdout.write(`nothing is running in ${dir}; start it: ${commandFor("up", dir, terminal.env)}\n`);
    return 1;
  }
  const since = age(Date.now() - Date.parse(found.startedAt));
  if (found.phase === "starting") {
    const log = supervisorLog(dir);
    terminal.stdout.write(`process ${found.ownerPid} has been starting it for ${since}; its log: ${log}\n`);
  } else if (found.phase === "crashed") {
    const remedy = commandFor("down", dir, terminal.env);
    terminal.stdout.write(`process ${found.ownerPid} left its cluster behind; clean up: ${remedy}\n`);
  } else {
    const heading = `up for ${since} in ${dir}, owned by process ${found.ownerPid}`;
    terminal.stdout.write(`${describeStatus(found, heading)}\n\n${processTable(processes, Date.now())}\n`);
  }
  return isUp ? 0 : 1;
}

function processTable(processes: readonly ClusterProcess[], now: number): string {
  const rows = processes.map(({ name, node, pid, state, since, restarts, log }) => [
    name.slice(node === undefined ? 0 : node.length + 1),
    node ?? "<none>",
    pid === undefined ? "<none>" : String(pid),
    state,
    String(restarts),
    age(now - Date.parse(since)),
    log,
  ]);
  return table(["process", "node", "pid", "state", "restarts", "age", "log"], rows);
}
