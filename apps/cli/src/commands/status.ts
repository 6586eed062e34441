import { type ClusterProcess, clusterStatus, connectCluster } from "@kx/cluster";
import { clusterDir, commandFor } from "../cluster-dir.ts";
import { askHosts, type HostsStatus, hostsOf } from "../hosts.ts";
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
  const hosts = isUp ? await askHosts(hostsOf(dir, processes)) : { extensions: [], silentHosts: [] };
  if (options.output !== undefined) {
    const value = found === undefined ? { dir, phase: "down" } : { ...found, processes, ...hosts };
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
    const parts = [describeStatus(found, heading), processTable(processes, Date.now()), extensionTable(hosts)];
    terminal.stdout.write(`${parts.join("\n\n")}\n`);
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

/** One line an extension, and one a host that says nothing. Pure. */
export function extensionTable({ extensions, silentHosts }: HostsStatus): string {
  const none = "<none>";
  const unknown = "<unknown>";
  const rows = extensions.map(({ name, version, kind, host, node, isolation, pid, isReady, restarts }) => [
    name,
    version,
    kind,
    host,
    node ?? none,
    isolation,
    pid === undefined ? none : String(pid),
    isReady ? "yes" : "no",
    String(restarts),
  ]);
  const silent = silentHosts.map(({ host, node, reason }) => [
    unknown,
    unknown,
    unknown,
    host,
    node ?? none,
    unknown,
    unknown,
    `host does not answer: ${reason}`,
    unknown,
  ]);
  const headings = ["extension", "version", "kind", "host", "node", "isolation", "pid", "ready", "restarts"];
  return table(headings, [...rows, ...silent]);
}
