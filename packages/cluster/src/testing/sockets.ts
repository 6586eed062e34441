import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { countedFacts, type Facts } from "./host-snapshot.ts";

/** A listening socket: where, and its inode, by which its owner's file descriptors name it. */
export interface ListeningSocket {
  readonly address: string;
  readonly inode: string;
}

const tcpListen = "0A";
const acceptingConnections = 0x10000; // __SO_ACCEPTCON

/** The kernel prints each 32-bit word of an address in the machine's byte order. */
function address(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, "hex").toReversed());
  if (words.length === 1) return [...(words[0] ?? [])].join(".");
  const groups = Buffer.concat(words).toString("hex").match(/.{4}/g) ?? [];
  return `[${groups.map((group) => group.replace(/^0{1,3}/, "")).join(":")}]`;
}

/** Parses /proc/net/tcp or tcp6 for listening sockets. */
export function parseTcp(text: string): ListeningSocket[] {
  return text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === tcpListen)
    .map((fields) => {
      const [host = "", port = ""] = (fields[1] ?? "").split(":");
      return { address: `tcp ${address(host)}:${Number.parseInt(port, 16)}`, inode: fields[9] ?? "" };
    });
}

/** Parses /proc/net/unix for listening sockets that have a name. */
export function parseUnix(text: string): ListeningSocket[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => /^\S+ \S+ \S+ (\S+) \S+ \S+ +([0-9]+) (.+)$/.exec(line))
    .flatMap((match) => {
      const [, flags = "", inode = "", path = ""] = match ?? [];
      return (Number.parseInt(flags, 16) & acceptingConnections) === 0 ? [] : [{ address: `unix ${path}`, inode }];
    });
}

function ownInodes(): Set<string> {
  const inodes = new Set<string>();
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const inode = /^socket:\[([0-9]+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // The descriptor that listed the folder is closed again.
    }
  }
  return inodes;
}

/** Reads the sockets on which this very process listens: other processes' end with them. */
export function readOwnSockets(): Facts {
  const own = ownInodes();
  const all = [
    ...parseTcp(readFileSync("/proc/self/net/tcp", "utf8")),
    ...parseTcp(readFileSync("/proc/self/net/tcp6", "utf8")),
    ...parseUnix(readFileSync("/proc/self/net/unix", "utf8")),
  ];
  return countedFacts(all.filter(({ inode }) => own.has(inode)).map((socket) => [socket.address, ""]));
}
