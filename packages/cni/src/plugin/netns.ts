import { readlinkSync, statfsSync, statSync } from "node:fs";
import { KxError } from "@kx/core";
import type { CallVariables } from "./environment.ts";

const namespaceFileSystem = 0x6e736673;
const own = "/proc/self/ns/net";

const checked = new WeakMap<CallVariables, string | undefined>();

/**
 * The path of the container's network namespace, if that is there: looked at once for a call and its delegates.
 *
 * @throws KxError `KX_CNI_NETNS` if it is the caller's own; for ADD and CHECK also if it is none.
 */
export function checkNetns(variables: CallVariables): string | undefined {
  if (!checked.has(variables)) checked.set(variables, look(variables));
  return checked.get(variables);
}

function look({ command, netns, netnsOverride }: CallVariables): string | undefined {
  if (netns === "") return undefined;
  if (netnsOverride) return netns;
  const problem = namespaceProblem(netns);
  if (problem !== undefined) {
    // DEL of what is gone succeeds, also where its mount point was left behind as a file.
    if (command === "DEL") return undefined;
    throw new KxError("KX_CNI_NETNS", `CNI_NETNS ${netns} ${problem}`, {
      remedy: "give the path of the container's network namespace",
    });
  }
  if (isOwn(netns)) {
    throw new KxError("KX_CNI_NETNS", `CNI_NETNS ${netns} is the plug-in's own network namespace`, {
      remedy: "give the container's, or set CNI_NETNS_OVERRIDE=1 if this is meant",
    });
  }
  return netns;
}

/** Whether a namespace is there, and not only the file that it was mounted on. */
export function isNamespace(path: string): boolean {
  return namespaceProblem(path) === undefined;
}

function namespaceProblem(path: string): string | undefined {
  try {
    return statfsSync(path).type === namespaceFileSystem && !isOfOtherKind(path)
      ? undefined
      : "is no network namespace";
  } catch (error) {
    return `cannot be opened: ${(error as NodeJS.ErrnoException).code}`;
  }
}

/** The links of a process tell what kind each namespace is; elsewhere only entering it would. */
function isOfOtherKind(path: string): boolean {
  if (!path.startsWith("/proc/")) return false;
  try {
    return /^(?!net:)\w+:\[\d+\]$/.test(readlinkSync(path));
  } catch {
    // It is no link, such as what is mounted below /proc/1/root.
    return false;
  }
}

function isOwn(path: string): boolean {
  const [theirs, ours] = [statSync(path), statSync(own)];
  return theirs.ino === ours.ino && theirs.dev === ours.dev;
}
