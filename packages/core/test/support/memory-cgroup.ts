import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";

/** A new cgroup of the memory controller, of version 1 or of 2; undefined where this process may make none. */
export function makeMemoryCgroup(name: string): (AsyncDisposable & { readonly path: string }) | undefined {
  const parent = parentCgroup();
  if (parent === undefined) return undefined;
  const path = join(parent, `${name}-${process.pid}`);
  try {
    mkdirSync(path);
  } catch {
    return undefined;
  }
  // The kernel may take a moment to let go of what was killed in it.
  return { path, [Symbol.asyncDispose]: () => vi.waitFor(() => removeCgroup(path), 15_000) };
}

function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  }
  rmdirSync(path);
}

function parentCgroup(): string | undefined {
  if (existsSync("/sys/fs/cgroup/memory/cgroup.procs")) return "/sys/fs/cgroup/memory";
  const control = "/sys/fs/cgroup/cgroup.subtree_control";
  return existsSync(control) && readFileSync(control, "utf8").includes("memory") ? "/sys/fs/cgroup" : undefined;
}
