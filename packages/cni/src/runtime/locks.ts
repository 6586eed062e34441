import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@kx/core";
import { tryLock } from "@kx/core/linux";

const slots = 64;
const pollMs = { first: 2, most: 50 };

/** Who may work at the same time, among all processes that use one cache. */
export interface RuntimeLocks {
  /** Alone for this container, beside those of others. */
  forContainer<T>(containerId: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T>;
  /** Alone altogether. */
  alone<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T>;
}

/**
 * Locks on files of a folder, which end with the process that holds them. Who wants to be alone shuts the gate first, so
 * that a stream of others cannot keep him out. Containers share 64 files by hash: some wait for each other needlessly, and
 * no file is left behind for each.
 */
export function createRuntimeLocks(folder: string, clock: Clock): RuntimeLocks {
  type Kind = "shared" | "exclusive";
  const lock = async (name: string, kind: Kind, signal: AbortSignal | undefined): Promise<FileHandle> => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(join(folder, name), "a", 0o600);
    try {
      for (let ms = pollMs.first; !tryLock(file.fd, kind); ms = Math.min(ms * 2, pollMs.most)) {
        await clock.sleep(ms, signal);
      }
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  };
  const enter = async (kind: Kind, signal: AbortSignal | undefined): Promise<FileHandle> => {
    const gate = await lock("gate", "exclusive", signal);
    return await holding(gate, () => lock("all", kind, signal));
  };
  return {
    async forContainer(containerId, signal, work) {
      const all = await enter("shared", signal);
      return await holding(all, async () => holding(await lock(slotOf(containerId), "exclusive", signal), work));
    },
    alone: async (signal, work) => holding(await enter("exclusive", signal), work),
  };
}

/** Works, then closes the file, which unlocks it. */
async function holding<T>(file: FileHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await file.close();
  }
}

function slotOf(containerId: string): string {
  const [first = 0] = createHash("sha256").update(containerId).digest();
  return `container-${String(first % slots).padStart(2, "0")}`;
}
