import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Facts } from "./host-snapshot.ts";
import type { Mount } from "./mounts.ts";

/** Names that kx, the kubelet and containerd give; other programs' cgroups come and go on any machine. */
const ours = /(?:^|\/)(?:kx|kubepods|k8s\.io|cri-containerd|system\.slice:containerd)[^/]*(?:\/|$)/;

/** Own cgroups of /proc/self/cgroup, without those at a root. */
export function parseOwnCgroups(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.split(":").slice(2).join(":"))
    .filter((path) => path !== "" && path !== "/");
}

/** Whether a cgroup counts: by its name or its parents', or because it lies beneath one of this process. */
export function countsAsOurs(path: string, own: readonly string[]): boolean {
  return ours.test(path) || own.some((parent) => path.startsWith(`${parent}/`));
}

function* folders(path: string): Generator<string> {
  let entries: string[];
  try {
    entries = readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return; // It was removed meanwhile.
  }
  for (const name of entries) {
    yield join(path, name);
    yield* folders(join(path, name));
  }
}

/** Reads the cgroup folders that count, in every v1 hierarchy and in v2. */
export function readCgroups(mounts: readonly Mount[]): Facts {
  const own = parseOwnCgroups(readFileSync("/proc/self/cgroup", "utf8"));
  const facts = new Map<string, string>();
  for (const { root, mountPoint, type } of mounts) {
    if (type !== "cgroup" && type !== "cgroup2") continue;
    for (const folder of folders(mountPoint)) {
      if (countsAsOurs(join(root, folder.slice(mountPoint.length)), own)) facts.set(folder, "");
    }
  }
  return facts;
}
