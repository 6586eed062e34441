import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { failed } from "./lease-files.ts";
import { isVanished, type NodeIdentity, readNamespace, readNodeIdentity } from "./node-identity.ts";

const journalMode = 0o600;
const folderMode = 0o755;
/** The journal is rewritten when it has more bytes than this, and this much for each lease that is there. */
const [spareBytes, bytesEach] = [262_144, 1_024];

/** For whom leases were made: what tells later whether they can still be in use. */
interface JournalRecord extends NodeIdentity {
  /** The leases of one ADD: their file's name, and what tells that file from a later one of that name. */
  readonly leases: Readonly<Record<string, string>>;
  readonly netns: string;
  /** The namespace's number. */
  readonly inode: string;
}

/** Gives what tells a lease's file from a later one of its name; undefined if there is none. */
export type FileMark = (name: string) => string | undefined;

/**
 * Remembers the namespaces of attachments beside their leases, in a file outside the folder of leases, of which the Go
 * plug-in reads every file. Lines are only added: a later one for the same lease counts. Use it under the folder's lock.
 */
export interface LeaseJournal {
  /**
   * Notes leases that have just been written; nothing if the path leads to no namespace.
   *
   * @throws KxError `KX_CNI_IO`.
   */
  note(leases: readonly string[], markOf: FileMark, netns: string): void;
  /** Which of these leases have certainly no user: their namespace is no more. What another plug-in wrote is not among them. */
  gone(leases: readonly string[], markOf: FileMark): readonly string[];
  /** Drops lines of leases that are no more, if the journal is large for the number of those that are. */
  compact(count: number, leases: () => readonly string[]): void;
}

/** Opens a journal, which need not be there. */
export function createLeaseJournal(path: string): LeaseJournal {
  let identity: NodeIdentity | undefined;
  const node = (): NodeIdentity => (identity ??= readNodeIdentity());
  return {
    note(names, markOf, netns) {
      const inode = readNamespace(netns);
      if (inode === undefined) return;
      const leases = Object.fromEntries(names.map((name) => [name, markOf(name) ?? ""]));
      append(path, formatRecord({ leases, netns, inode, ...node() }));
    },
    gone(names, markOf) {
      const records = names.length === 0 ? new Map<string, JournalRecord>() : readJournal(path);
      const verdicts = new Map<JournalRecord, boolean>();
      return names.filter((name) => {
        const record = records.get(name);
        // A lease that was given back and made anew, by whatever plug-in, is not the one that was noted.
        if (record === undefined || record.leases[name] !== markOf(name)) return false;
        const verdict = verdicts.get(record) ?? isGone(record, node());
        verdicts.set(record, verdict);
        return verdict;
      });
    },
    compact(count, names) {
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size <= spareBytes + bytesEach * count) return;
      const records = readJournal(path);
      const kept = new Set(names().flatMap((name) => records.get(name) ?? []));
      try {
        writeFileSync(`${path}.new`, [...kept].map(formatRecord).join(""), { mode: journalMode });
        renameSync(`${path}.new`, path);
      } catch (cause) {
        rmSync(`${path}.new`, { force: true });
        throw failed("the journal of leases cannot be rewritten", cause);
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
    throw failed("the journal of leases cannot be written", cause);
  }
}

function readJournal(path: string): ReadonlyMap<string, JournalRecord> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw failed("the journal of leases cannot be read", error);
  }
  const records = text.split("\n").flatMap((line) => parseRecord(line) ?? []);
  return new Map(records.flatMap((record) => Object.keys(record.leases).map((name) => [name, record] as const)));
}

function parseRecord(line: string): JournalRecord | undefined {
  try {
    const record: Partial<JournalRecord> | null = JSON.parse(line);
    const { leases, netns, inode, bootId, initStart } = record ?? {};
    const isWhole = [netns, inode, bootId, initStart].every((field) => typeof field === "string");
    return isWhole && typeof leases === "object" && leases !== null ? (record as JournalRecord) : undefined;
  } catch {
    return undefined;
  }
}
