import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { failed } from "./lease-files.ts";
import { isVanished, type NodeIdentity, readNamespace, readNodeIdentity } from "./node-identity.ts";

const journalMode = 0o600;
const folderMode = 0o755;
/** The journal is rewritten when it has more bytes than this, and this much for each attachment that is there. */
const [spareBytes, bytesEach] = [262_144, 1_024];

/** For whom a lease was made: what tells later whether the attachment can still be there. */
interface JournalRecord extends NodeIdentity {
  readonly containerId: string;
  readonly ifName: string;
  readonly netns: string;
  /** The namespace's number. */
  readonly inode: string;
}

/** An interface of a container. */
export interface AttachmentName {
  readonly containerId: string;
  readonly ifName: string;
}

/**
 * Remembers the namespaces of attachments beside their leases, in a file outside the folder of leases, of which the Go
 * plug-in reads every file. Lines are only added: a later one of the same attachment counts. Use it under the folder's lock.
 */
export interface AttachmentJournal {
  /** @throws KxError `KX_CNI_IO`. */
  note(attachment: AttachmentName, netns: string): void;
  /** Which attachments have certainly gone: their namespace is no more. Those that are not in the journal are not among them. */
  gone(attachments: readonly AttachmentName[]): readonly AttachmentName[];
  /** Drops lines of attachments that are no more, if the journal is large for the number of those that are. */
  compact(count: number, attachments: () => readonly AttachmentName[]): void;
}

/** Opens a journal, which need not be there. */
export function createAttachmentJournal(path: string): AttachmentJournal {
  let identity: NodeIdentity | undefined;
  const node = (): NodeIdentity => (identity ??= readNodeIdentity());
  return {
    note(attachment, netns) {
      const inode = readNamespace(netns);
      if (inode === undefined) return;
      const { containerId, ifName } = attachment;
      append(path, formatRecord({ containerId, ifName, netns, inode, ...node() }));
    },
    gone(attachments) {
      const records = attachments.length === 0 ? new Map() : readJournal(path);
      return attachments.filter((attachment) => {
        const record = records.get(keyOf(attachment));
        return record !== undefined && isGone(record, node());
      });
    },
    compact(count, attachments) {
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size <= spareBytes + bytesEach * count) return;
      const records = readJournal(path);
      const kept = attachments().flatMap((attachment) => records.get(keyOf(attachment)) ?? []);
      try {
        writeFileSync(`${path}.new`, kept.map(formatRecord).join(""), { mode: journalMode });
        renameSync(`${path}.new`, path);
      } catch (cause) {
        rmSync(`${path}.new`, { force: true });
        throw failed("the journal of attachments cannot be rewritten", cause);
      }
    },
  };
}

/**
 * Whether a namespace is no more. A boot ends all of them. Otherwise it is there if its path leads to the very same; else it
 * is gone if the node, being a container, has been restarted, or if the path is free or leads to another. Anything else is
 * no proof, as a path may be hidden from this process.
 */
function isGone(record: JournalRecord, node: NodeIdentity): boolean {
  if (record.bootId !== node.bootId) return true;
  const inode = readNamespace(record.netns);
  if (inode === record.inode) return false;
  return record.initStart !== node.initStart || inode !== undefined || isVanished(record.netns);
}

const keyOf = ({ containerId, ifName }: AttachmentName): string => `${containerId}/${ifName}`;

/** A line that begins with its break: what a crash has left unfinished spoils no other line. */
const formatRecord = (record: JournalRecord): string => `\n${JSON.stringify(record)}`;

function append(path: string, line: string): void {
  try {
    try {
      appendFileSync(path, line, { mode: journalMode });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      mkdirSync(dirname(path), { recursive: true, mode: folderMode });
      appendFileSync(path, line, { mode: journalMode });
    }
  } catch (cause) {
    throw failed("the journal of attachments cannot be written", cause);
  }
}

function readJournal(path: string): ReadonlyMap<string, JournalRecord> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw failed("the journal of attachments cannot be read", error);
  }
  const records = text.split("\n").flatMap((line) => parseRecord(line) ?? []);
  return new Map(records.map((record) => [keyOf(record), record]));
}

function parseRecord(line: string): JournalRecord | undefined {
  try {
    const record: Partial<JournalRecord> | null = JSON.parse(line);
    const { containerId, ifName, netns, inode, bootId, initStart } = record ?? {};
    const isWhole = [containerId, ifName, netns, inode, bootId, initStart].every((field) => typeof field === "string");
    return isWhole ? (record as JournalRecord) : undefined;
  } catch {
    return undefined;
  }
}
