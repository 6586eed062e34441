import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { isOfNetwork, type Owner, ownerComment, shortHash } from "./owner.ts";

const markBytes = 127;

/** An attachment's owner, and the container's network namespace while that is known. */
export interface Attached {
  readonly owner: Owner;
  readonly netns: string;
}

/**
 * Marks something in the kernel as an attachment's: its owner, then the number of the container's network namespace, by
 * which it is known later whether the container can still be there.
 */
export function attachmentMark({ owner, netns }: Attached): string {
  const inode = statSync(netns).ino;
  const text = `${ownerComment(owner)} ${inode}`;
  return text.length <= markBytes ? text : `${hashed(owner)} ${inode}`;
}

/** Whether a mark is of that attachment, in whatever namespace. */
export function isMarkOf(mark: string | undefined, owner: Owner): boolean {
  return [ownerComment(owner), hashed(owner)].some((text) => mark === text || mark?.startsWith(`${text} `) === true);
}

/** Whose mark it is, for messages. */
export function describeMark(mark: string | undefined): string {
  const [network, containerId, ifName] = mark?.split(" ") ?? [];
  if (network === undefined || containerId === undefined) return "somebody else";
  const isReadable = ifName !== undefined && !/^\d+$/.test(ifName);
  return isReadable ? `the container ${containerId} (${ifName} of ${network})` : "another container";
}

/**
 * Tells which marks of a network are stale: those of none of its valid attachments; without a list of those, marks whose
 * network namespace is gone.
 */
export function staleMarks(
  network: string,
  valid: readonly Owner[] | undefined,
): (mark: string | undefined) => boolean {
  if (valid === undefined) {
    const isGone = goneNamespaces();
    return (mark) => isOfNetwork(mark, network) && isGone(mark);
  }
  const keep = new Set(valid.flatMap((owner) => [ownerComment(owner), hashed(owner)]));
  return (mark) => isOfNetwork(mark, network) && !keep.has(withoutNamespace(mark ?? ""));
}

/**
 * Tells of a mark whether its network namespace is gone: mounted nowhere, and no process is in it. It looks at all mounts
 * and processes, the first time that it is asked.
 */
export function goneNamespaces(): (mark: string | undefined) => boolean {
  let live: ReadonlySet<string> | undefined;
  return (mark) => {
    const inode = / (\d+)$/.exec(mark ?? "")?.[1];
    if (inode === undefined) return false;
    live ??= liveNamespaces();
    return !live.has(inode);
  };
}

function liveNamespaces(): ReadonlySet<string> {
  const mounted = readFileSync("/proc/self/mountinfo", "utf8").matchAll(/ net:\[(\d+)\] /g);
  const used = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? namespaceOf(name) : []));
  return new Set([...[...mounted].flatMap(([, inode]) => inode ?? []), ...used]);
}

function namespaceOf(pid: string): readonly string[] {
  try {
    return [readlinkSync(`/proc/${pid}/ns/net`).replaceAll(/\D/g, "")];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function withoutNamespace(mark: string): string {
  return mark.replace(/ \d+$/, "");
}

/** As `ownerComment` gives what is too long. */
function hashed({ network, containerId, ifName }: Owner): string {
  return `${shortHash(network, 16)} ${shortHash(`${containerId} ${ifName}`, 32)}`;
}
