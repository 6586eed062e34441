import { readFileSync } from "node:fs";
import { KxError } from "../error.ts";

/** One mount of a mount namespace: a line of proc_pid_mountinfo(5). */
export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  readonly major: number;
  readonly minor: number;
  /** The folder of the file system that is mounted. */
  readonly root: string;
  readonly mountPoint: string;
  /** Of this mount, such as `ro`. */
  readonly options: readonly string[];
  /** Peer group, where mounts spread in both directions. */
  readonly shared?: number;
  /** Peer group that this mount follows. */
  readonly master?: number;
  readonly isUnbindable: boolean;
  /** Such as `ext4`, `fuse.sshfs`. */
  readonly fsType: string;
  readonly source: string;
  /** Of the whole file system. */
  readonly superOptions: readonly string[];
}

/**
 * Reads the text of a mountinfo file. Bytes that are no UTF-8 in a path are lost.
 *
 * @throws KxError `KX_LINUX_MOUNTINFO`, naming the line.
 */
export function parseMountInfo(text: string): readonly MountInfo[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, index) => parseLine(line, index + 1));
}

/** What was read last, since most readings find nothing new. */
let last: { readonly text: string; readonly mounts: readonly MountInfo[] } | undefined;

/**
 * The mounts of this process's namespace. It asks no file system, so it cannot hang with one, and reads in this thread: the
 * kernel answers from its memory, in a small part of the time that another thread would take.
 *
 * @throws KxError `KX_LINUX_MOUNTINFO`.
 */
export async function readMountInfo(path = "/proc/self/mountinfo"): Promise<readonly MountInfo[]> {
  // The file is read in pieces, between which others mount; two equal readings show one moment.
  let text = readFileSync(path, "utf8");
  for (let tries = 0; tries < 5 && text !== last?.text; tries++) {
    const again = readFileSync(path, "utf8");
    if (again === text) break;
    text = again;
  }
  if (text !== last?.text) last = { text, mounts: parseMountInfo(text) };
  return last.mounts;
}

// The kernel separates by one space and escapes spaces, so an empty field (a source) shows as two.
function parseLine(line: string, number: number): MountInfo {
  const [before, after] = splitOnce(line, " - ");
  const [id, parentId, device, root, mountPoint, options, ...tags] = before.split(" ");
  const [fsType, source, superOptions, ...extra] = (after ?? "").split(" ");
  const [, major, minor] = /^(\d+):(\d+)$/.exec(device ?? "") ?? [];
  const isWhole = superOptions !== undefined && options !== undefined && extra.length === 0 && major !== undefined;
  if (!isWhole || !/^\d+ \d+$/.test(`${id} ${parentId}`)) {
    const reason = `line ${number} of a mountinfo file cannot be read: ${JSON.stringify(line.slice(0, 200))}`;
    throw new KxError("KX_LINUX_MOUNTINFO", reason, { details: { line: number } });
  }
  return {
    id: Number(id),
    parentId: Number(parentId),
    major: Number(major),
    minor: Number(minor),
    root: unescape(root),
    mountPoint: unescape(mountPoint),
    options: options.split(","),
    ...group("shared", tags),
    ...group("master", tags),
    isUnbindable: tags.includes("unbindable"),
    fsType: unescape(fsType),
    source: unescape(source),
    superOptions: superOptions.split(",").map(unescape),
  };
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function group(name: "shared" | "master", tags: readonly string[]): Readonly<Record<string, number>> {
  const number = tags.find((tag) => tag.startsWith(`${name}:`))?.slice(name.length + 1);
  return number !== undefined && /^\d+$/.test(number) ? { [name]: Number(number) } : {};
}

function unescape(text = ""): string {
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
