import { readFileSync, statSync } from "node:fs";

/** Tells one life of a node from the next: boot_id is that of the machine, so it survives the restart of a node that is a container. */
export interface NodeIdentity {
  readonly bootId: string;
  /** When process 1 started, in clock ticks after the boot. */
  readonly initStart: string;
}

/** This life of the node. */
export function readNodeIdentity(): NodeIdentity {
  const stat = readFileSync("/proc/1/stat", "utf8");
  // The second field is the program's name in parentheses and may hold anything; the 22nd is the start.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    initStart: fields[19] ?? "",
  };
}

/** The number of the network namespace behind a path; undefined if there is none, or the path leads to something else. */
export function readNamespace(path: string): string | undefined {
  const stat = look(path);
  return stat !== undefined && stat.dev === look("/proc/self/ns/net")?.dev ? String(stat.ino) : undefined;
}

/** Whether nothing is at a path although its folder is there, so that it is not merely hidden from this process. */
export function isVanished(path: string): boolean {
  if (look(path) !== undefined) return false;
  // The folder of a process goes with it.
  return path.startsWith("/proc/") || look(path.slice(0, path.lastIndexOf("/")) || "/") !== undefined;
}

function look(path: string): { readonly dev: bigint; readonly ino: bigint } | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}
