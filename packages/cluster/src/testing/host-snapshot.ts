/** The kinds of things that a cluster could leave on a machine. */
export type LeakKind =
  | "process"
  | "mount"
  | "link"
  | "route"
  | "network-namespace"
  | "cgroup"
  | "loop-device"
  | "nft"
  | "setting"
  | "socket"
  | "file";

/** Things of one kind: what names one, and what else is to be known of it. */
export type Facts = ReadonlyMap<string, string>;

/** What counts as ours where a machine is shared. */
export interface SnapshotScope {
  /**
   * Texts, such as a state folder's path, that make a process ours if its command line holds one. A process in a pid,
   * network or mount namespace other than the caller's counts without.
   */
  readonly markers?: readonly string[];
  /** Pids whose trees are left out, for example a cluster that other tests share and that keeps running. */
  readonly ignoreTrees?: readonly number[];
  /** Folders whose entries are compared, beside /etc, /opt, /run, /usr and /var/lib. Default: none. */
  readonly folders?: readonly string[];
}

/** What a machine holds at one moment, as far as it is compared. */
export interface HostSnapshot {
  readonly scope: SnapshotScope;
  readonly facts: ReadonlyMap<LeakKind, Facts>;
  /** Kinds that could not be looked at here, and why. */
  readonly skipped: ReadonlyMap<LeakKind, string>;
}

/** A difference between two snapshots. */
export interface Leak {
  readonly kind: LeakKind;
  /** `removed` is reported where it would be a harm to the machine: mounts, links, routes, rules and files. */
  readonly change: "added" | "changed" | "removed";
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
}

const reported: Readonly<Record<LeakKind, readonly Leak["change"][]>> = {
  process: ["added"],
  mount: ["added", "removed"],
  link: ["added", "changed", "removed"],
  route: ["added", "removed"],
  "network-namespace": ["added"],
  cgroup: ["added"],
  "loop-device": ["added", "changed"],
  nft: ["added", "removed"],
  // A setting comes with its kernel module, which nobody unloads: only a changed value is somebody's doing.
  setting: ["changed"],
  socket: ["added"],
  file: ["added", "removed"],
};

/** Compares two snapshots; pure. Kinds that either could not look at are passed over. */
export function diffSnapshots(before: HostSnapshot, after: HostSnapshot): Leak[] {
  const leaks: Leak[] = [];
  for (const [kind, old] of before.facts) {
    const now = after.facts.get(kind);
    if (now === undefined) continue;
    for (const [name, value] of now) {
      const earlier = old.get(name);
      if (earlier === undefined) leaks.push({ kind, change: "added", name, after: value });
      else if (earlier !== value) leaks.push({ kind, change: "changed", name, before: earlier, after: value });
    }
    for (const [name, value] of old) {
      if (!now.has(name)) leaks.push({ kind, change: "removed", name, before: value });
    }
  }
  return leaks.filter(({ kind, change }) => reported[kind].includes(change));
}

/** A leak in one line. */
export function describeLeak({ kind, change, name, before, after }: Leak): string {
  const value = change === "changed" ? `${before} -> ${after}` : (after ?? before ?? "");
  return `${change} ${kind} ${name}${value === "" ? "" : `: ${value}`}`;
}

/** Makes facts of a list in which the same name may stand more than once, as mounts and rules do. */
export function countedFacts(entries: Iterable<readonly [name: string, value: string]>): Facts {
  const facts = new Map<string, string>();
  for (const [name, value] of entries) {
    let key = name;
    for (let n = 2; facts.has(key); n++) key = `${name} (${n})`;
    facts.set(key, value);
  }
  return facts;
}
