import type { Ip } from "@kx/core/units";

/** Who has a lease; without an interface in files of old plug-ins. */
export interface LeaseOwner {
  readonly containerId: string;
  readonly ifName?: string;
}

/** A file among the leases. */
export interface LeaseEntry {
  /** The file's name: the address, as far as it is a lease. */
  readonly name: string;
  /** Undefined for files that are no lease. */
  readonly ip: Ip | undefined;
  /** Without white space around it; empty if the file was torn by a power loss or a crash, so that it counts as stale. */
  readonly content: string;
  /** What tells that the file is still this one; absent if it cannot be told. */
  readonly stamp?: string;
}

/** The leases of one folder in memory: who has what is found without looking at all of them. */
export interface LeaseIndex {
  set(entry: LeaseEntry): void;
  delete(name: string): void;
  get(name: string): LeaseEntry | undefined;
  entries(): Iterable<LeaseEntry>;
  /** How many files there are. */
  readonly size: number;
  isTaken(ip: Ip): boolean;
  /** The files whose content is just this. */
  withContent(content: string): readonly LeaseEntry[];
}

const separator = "\r\n";

/** What a lease's file holds. */
export function contentOf({ containerId, ifName }: LeaseOwner): string {
  return ifName === undefined ? containerId : `${containerId}${separator}${ifName}`;
}

/** A file's content as it is compared: a file that was not synchronised may be empty or full of zeros after a power loss. */
export function normalContent(text: string): string {
  return text.replaceAll("\0", "").trim();
}

/** Makes an empty index. */
export function createLeaseIndex(): LeaseIndex {
  const byName = new Map<string, LeaseEntry>();
  const byContent = new Map<string, Set<string>>();
  const taken = { 4: new Set<bigint>(), 6: new Set<bigint>() };
  const remove = (name: string): void => {
    const entry = byName.get(name);
    if (entry === undefined) return;
    byName.delete(name);
    const names = byContent.get(entry.content);
    names?.delete(name);
    if (names?.size === 0) byContent.delete(entry.content);
    if (entry.ip !== undefined) taken[entry.ip.family].delete(entry.ip.value);
  };
  return {
    set(entry) {
      remove(entry.name);
      byName.set(entry.name, entry);
      const names = byContent.get(entry.content);
      if (names === undefined) byContent.set(entry.content, new Set([entry.name]));
      else names.add(entry.name);
      if (entry.ip !== undefined && entry.content !== "") taken[entry.ip.family].add(entry.ip.value);
    },
    delete: remove,
    get: (name) => byName.get(name),
    entries: () => byName.values(),
    get size() {
      return byName.size;
    },
    isTaken: ({ family, value }) => taken[family].has(value),
    withContent: (content) => [...(byContent.get(content) ?? [])].flatMap((name) => byName.get(name) ?? []),
  };
}

/**
 * The leases of a container's interface: those that name both. Old plug-ins wrote the container only, so such leases are
 * anybody's of that container.
 */
export function leasesOf(
  index: Pick<LeaseIndex, "withContent">,
  owner: Required<LeaseOwner>,
): {
  readonly own: readonly LeaseEntry[];
  readonly legacy: readonly LeaseEntry[];
} {
  const leases = (content: string) => index.withContent(content).filter(({ ip }) => ip !== undefined);
  return { own: leases(contentOf(owner)), legacy: leases(contentOf({ containerId: owner.containerId })) };
}
