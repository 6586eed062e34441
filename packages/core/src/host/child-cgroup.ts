import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A cgroup of one child process. */
export interface ChildCgroup {
  /** Moves a process in. */
  add(pid: number): void;
  /** How often the kernel killed something in it for want of memory. */
  oomKills(): number;
  /** Removes it, if nothing is left in it. */
  remove(): void;
}

/**
 * Makes a cgroup of its own for a child below `parent`, which is of version 2, or of version 1's memory controller.
 *
 * @throws an error of the file system if that is not possible.
 */
export function createChildCgroup(
  parent: string,
  name: string,
  { memoryLimitBytes }: { readonly memoryLimitBytes?: number | undefined },
): ChildCgroup {
  const folder = join(parent, `kx-${name.replaceAll(/[^\w.-]/g, "_")}`);
  // Elsewhere than in a cgroup file system this would succeed, with plain folders and files that limit nothing.
  accessSync(join(parent, "cgroup.procs"), constants.W_OK);
  const isV1 = existsSync(join(parent, "memory.limit_in_bytes"));
  if (!isV1) delegateMemory(parent);
  if (!existsSync(folder)) mkdirSync(folder);
  if (memoryLimitBytes !== undefined) {
    const limit = String(memoryLimitBytes);
    writeFileSync(join(folder, isV1 ? "memory.limit_in_bytes" : "memory.max"), limit);
    // Swapping out instead would only be slower. The kernel may lack the file.
    if (isV1) writeIfThere(join(folder, "memory.memsw.limit_in_bytes"), limit);
    else writeIfThere(join(folder, "memory.swap.max"), "0");
  }
  const events = join(folder, isV1 ? "memory.oom_control" : "memory.events");
  return {
    add: (pid) => writeFileSync(join(folder, "cgroup.procs"), String(pid)),
    oomKills: () => (existsSync(events) ? Number(/^oom_kill (\d+)$/m.exec(readFileSync(events, "utf8"))?.[1] ?? 0) : 0),
    remove: () => {
      try {
        rmdirSync(folder);
      } catch {
        // Something is left in it; the next life of the extension uses it again.
      }
    },
  };
}

function delegateMemory(parent: string): void {
  const control = join(parent, "cgroup.subtree_control");
  try {
    if (!/\bmemory\b/.test(readFileSync(control, "utf8"))) writeFileSync(control, "+memory");
  } catch {
    // Without a limit none is needed; with one, writing it fails and tells.
  }
}

function writeIfThere(path: string, text: string): void {
  if (existsSync(path)) writeFileSync(path, text);
}
