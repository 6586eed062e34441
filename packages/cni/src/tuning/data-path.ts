import { KxError } from "@kx/core";
import { attachmentMark, staleMarks } from "../net/attachment-mark.ts";
import type { Collect } from "../net/collect.ts";
import { openNetns } from "../net/open-netns.ts";
import type { Owner } from "../net/owner.ts";
import { readSysctl, writeSysctl } from "../net/sysctl.ts";
import { type LinkSettings, setLink } from "../rtnl/link-codec.ts";
import type { Link } from "../rtnl/read.ts";
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts";
import {
  type Backup,
  backupPath,
  type LinkValues,
  readBackup,
  removeBackup,
  removeBackups,
  writeBackup,
} from "./backup.ts";

/** What of an attachment is to be set. */
export interface Tuning {
  readonly owner: Owner;
  /** Path of the container's network namespace. */
  readonly netns: string;
  /** Where what was before is kept. */
  readonly dataDir: string;
  readonly link: LinkValues;
  /** Settings of the kernel by their paths below /proc/sys: `net/ipv4/conf/eth0/forwarding`. */
  readonly sysctl: Readonly<Record<string, string>>;
}

/** How to undo a tuning. */
export interface Tuned {
  /** What was set before, of what was changed. */
  readonly before: Backup;
  /** What had been kept before, by an earlier plug-in of the list. */
  readonly kept?: Backup;
}

/** Sets an interface and the kernel, and keeps what was before; all of it, or nothing. */
export function tuningApply(request: Tuning): Tuned {
  const { owner, dataDir, link, sysctl } = request;
  const path = backupPath(dataDir, owner);
  const kept = readBackup(path);
  using netns = openNetns(request.netns);
  const mark = attachmentMark(request);
  return netns.enter(() => {
    using pod = openRtnl();
    const before = valuesBefore(pod.link(owner.ifName), request);
    const tuned = { before, ...(kept === undefined ? {} : { kept }) };
    // What was first is what the attachment came with.
    writeBackup(dataDir, path, { ...before, ...kept, sysctl: { ...before.sysctl, ...kept?.sysctl }, mark });
    try {
      set(pod, owner.ifName, { ...link, sysctl });
      return tuned;
    } catch (error) {
      restore(pod, owner.ifName, before);
      putBack(request, tuned);
      throw error;
    }
  });
}

/** Takes back what `tuningApply` has done. */
export function tuningUndo(request: Tuning, tuned: Tuned): void {
  using netns = openNetns(request.netns);
  const problems = netns.enter(() => {
    using pod = openRtnl();
    return restore(pod, request.owner.ifName, tuned.before);
  });
  putBack(request, tuned);
  const [problem] = problems;
  if (problem !== undefined) throw problem;
}

/**
 * Sets an interface to what it was when it was first tuned; nothing if that is not known.
 *
 * @returns what could not be set back, in words.
 */
export function tuningRestore({
  owner,
  netns: where,
  dataDir,
}: Pick<Tuning, "owner" | "dataDir"> & { readonly netns?: string }): readonly string[] {
  const path = backupPath(dataDir, owner);
  const kept = readBackup(path);
  if (kept === undefined || where === undefined) {
    removeBackup(path);
    return [];
  }
  using netns = openNetns(where);
  const problems = netns.enter(() => {
    using pod = openRtnl();
    return pod.findLink(owner.ifName) === undefined ? [] : restore(pod, owner.ifName, kept);
  });
  removeBackup(path);
  return problems.map(({ reason }) => reason);
}

/** What is not as it was set, in words. */
export function tuningCheck({ owner, netns: where, link: wanted, sysctl }: Tuning): readonly string[] {
  using netns = openNetns(where);
  return netns.enter(() => {
    using pod = openRtnl();
    const link = pod.findLink(owner.ifName);
    if (link === undefined) return [`the interface ${owner.ifName} is missing`];
    const found = valuesOf(link);
    const differences = linkFields
      .filter((field) => wanted[field] !== undefined && wanted[field] !== found[field])
      .map((field) => `${field} of ${owner.ifName} is ${found[field]}, not ${wanted[field]}`);
    const settings = Object.entries(sysctl).flatMap(([key, value]) => {
      const is = readSysctl(key.split("/"));
      return is !== undefined && inWords(is) === inWords(value) ? [] : [`${key} is ${is ?? "missing"}, not ${value}`];
    });
    return [...differences, ...settings];
  });
}

/** Removes what was kept of none of a network's attachments; without a list of those, of what has lost its namespace. */
export function tuningCollect(dataDir: string, { network, valid }: Collect): number {
  return removeBackups(dataDir, staleMarks(network, valid));
}

const linkFields = ["mac", "promisc", "mtu", "txQLen", "allmulti"] as const;

function valuesOf(link: Link): Required<LinkValues> {
  const { mac, isPromiscuous, mtu, txQueueLength, allMulticast } = link;
  return { mac, promisc: isPromiscuous, mtu, txQLen: txQueueLength, allmulti: allMulticast };
}

function valuesBefore(link: Link, { link: wanted, sysctl }: Tuning): Backup {
  const all = valuesOf(link);
  const changed = linkFields.filter((field) => wanted[field] !== undefined);
  const settings = Object.keys(sysctl).map((key) => [key, requireSysctl(key)] as const);
  return {
    ...Object.fromEntries(changed.map((field) => [field, all[field]])),
    sysctl: Object.fromEntries(settings),
  };
}

function set(pod: Rtnl, ifName: string, { sysctl = {}, ...link }: LinkValues & Pick<Backup, "sysctl">): void {
  for (const [key, value] of Object.entries(sysctl)) writeSysctl(key.split("/"), value);
  // One for each, so that the kernel's reason is told with what it is about.
  for (const [field, settings] of settingsOf(link)) pod.request(setLink(ifName, settings, `set ${field} of ${ifName}`));
}

/** Sets back what can be. */
function restore(pod: Rtnl, ifName: string, backup: Backup): readonly KxError[] {
  const steps = [
    ...Object.entries(backup.sysctl ?? {}).map(
      ([key, value]) =>
        () =>
          void writeSysctl(key.split("/"), value),
    ),
    ...settingsOf(backup).map(
      ([field, settings]) =>
        () =>
          void pod.request(setLink(ifName, settings, `set ${field} of ${ifName} back`)),
    ),
  ];
  return steps.flatMap((step) => {
    try {
      step();
      return [];
    } catch (error) {
      return [KxError.from(error)];
    }
  });
}

function settingsOf({ mac, promisc, mtu, txQLen, allmulti }: LinkValues): readonly (readonly [string, LinkSettings])[] {
  return [
    ...(mac === undefined ? [] : [["mac", { mac }] as const]),
    ...(promisc === undefined ? [] : [["promisc", { promiscuous: promisc }] as const]),
    ...(mtu === undefined ? [] : [["mtu", { mtu }] as const]),
    ...(txQLen === undefined ? [] : [["txQLen", { txQueueLength: txQLen }] as const]),
    ...(allmulti === undefined ? [] : [["allmulti", { allMulticast: allmulti }] as const]),
  ];
}

function putBack({ owner, dataDir }: Tuning, { kept }: Tuned): void {
  const path = backupPath(dataDir, owner);
  if (kept === undefined) removeBackup(path);
  else writeBackup(dataDir, path, kept);
}

function requireSysctl(key: string): string {
  const value = readSysctl(key.split("/"));
  if (value !== undefined) return value;
  throw new KxError("KX_CNI_SYSCTL", `the kernel has no setting ${key}`, { details: { key } });
}

/** The kernel separates several values by tabs. */
function inWords(value: string): string {
  return value.trim().split(/\s+/).join(" ");
}
