import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Facts, SnapshotScope } from "./host-snapshot.ts";

/** Identities of the namespaces that tell a cluster's process from the machine's. */
export interface Namespaces {
  readonly pid: string;
  readonly net: string;
  readonly mnt: string;
}

/** A process of /proc. */
export interface HostProcess {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot; with the pid it is unique. */
  readonly startTime: string;
  /** One letter, see proc_pid_stat(5). */
  readonly state: string;
  readonly commandLine: string;
  /** Absent if they may not be read. */
  readonly namespaces?: Namespaces;
}

/** Parses /proc/<pid>/stat, whose second field may hold spaces and parentheses. */
export function parseStat(stat: string): Pick<HostProcess, "parent" | "startTime" | "state"> & { name: string } {
  const open = stat.indexOf("(");
  const close = stat.lastIndexOf(")");
  const fields = stat.slice(close + 2).split(" ");
  return {
    name: stat.slice(open + 1, close),
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    startTime: fields[19] ?? "",
  };
}

function namespacesOf(pid: number | "self"): Namespaces | undefined {
  const read = (name: string) => readlinkSync(`/proc/${pid}/ns/${name}`);
  try {
    return { pid: read("pid"), net: read("net"), mnt: read("mnt") };
  } catch {
    return undefined;
  }
}

/** Reads every process of this machine that can be seen; those that end meanwhile are left out. */
export function readProcesses(): HostProcess[] {
  const processes: HostProcess[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const pid = Number(entry);
    try {
      const { name, ...stat } = parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
      const namespaces = namespacesOf(pid);
      processes.push({
        pid,
        ...stat,
        commandLine: words === "" ? `[${name}]` : words,
        ...(namespaces === undefined ? {} : { namespaces }),
      });
    } catch {
      // It ended between two reads.
    }
  }
  return processes;
}

/** This process's own namespaces, which stand for the machine's. */
export function ownNamespaces(): Namespaces | undefined {
  return namespacesOf("self");
}

/** Processes that are not part of a tree that is to be left out. */
export function withoutTrees(all: readonly HostProcess[], roots: readonly number[]): HostProcess[] {
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const within = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 0; at = parents.get(at)) {
      if (roots.includes(at)) return true;
    }
    return false;
  };
  return roots.length === 0 ? [...all] : all.filter(({ pid }) => !within(pid));
}

/**
 * The processes that count: those in other namespaces than the host's and those whose command line holds a marker.
 * Zombies do not count: where PID 1 does not reap, an orphan's stays for ever and holds nothing.
 */
export function processFacts(all: readonly HostProcess[], host: Namespaces | undefined, scope: SnapshotScope): Facts {
  const elsewhere = ({ namespaces: own }: HostProcess) =>
    own !== undefined && host !== undefined && (own.pid !== host.pid || own.net !== host.net || own.mnt !== host.mnt);
  const marked = ({ commandLine }: HostProcess) =>
    scope.markers?.some((marker) => commandLine.includes(marker)) === true;
  return new Map(
    all
      .filter((process) => process.state !== "Z" && process.state !== "X" && (elsewhere(process) || marked(process)))
      .map(({ pid, startTime, commandLine }) => [`${pid} (started at ${startTime})`, commandLine]),
  );
}

/** Network namespaces other than the host's that processes are in, with one such process. */
export function processNetworks(all: readonly HostProcess[], host: Namespaces | undefined): Map<string, string> {
  const networks = new Map<string, string>();
  for (const { pid, commandLine, namespaces } of all) {
    if (namespaces === undefined || namespaces.net === host?.net) continue;
    if (!networks.has(namespaces.net)) networks.set(namespaces.net, `of process ${pid}: ${commandLine}`);
  }
  return networks;
}
