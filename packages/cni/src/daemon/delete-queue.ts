import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { KxError, type Logger } from "@kx/core";
import { type CniRequest, decodeFrame } from "./frame.ts";

/** How many are worked on at once: most of a DEL is the kernel's time, and calls that just come in want theirs. */
const atOnce = 4;
/** Of errors that will be the same at every try. */
const hopeless: readonly string[] = [
  "KX_CNI_FRAME",
  "KX_CNI_ENVIRONMENT",
  "KX_CNI_DECODING",
  "KX_CNI_CONFIG",
  "KX_CNI_VERSION",
  "KX_CNI_PLUGIN_MISSING",
];

/** The DELs that runtimes were promised while nobody was there to carry them out: one file each, as the shim sent it. */
export interface DeleteQueue {
  /**
   * Carries out what is there; each that fails stays, unless no try could succeed. Calls of it at the same time join the
   * first, and begin no further one when its signal aborts.
   */
  readonly replay: (signal: AbortSignal) => Promise<void>;
}

/** What a queue works with. */
export interface DeleteQueueOptions {
  readonly folder: string;
  readonly log: Logger;
  /** Carries one out. Gives what went wrong. */
  readonly carryOut: (request: CniRequest) => Promise<KxError | undefined>;
}

/** Opens the queue of a folder, which need not be there. */
export function createDeleteQueue({ folder, log, carryOut }: DeleteQueueOptions): DeleteQueue {
  let running: Promise<void> | undefined;

  async function replayOne(name: string): Promise<void> {
    const path = join(folder, name);
    try {
      const request = decodeFrame(readFileSync(path));
      const error = await carryOut(request);
      if (error !== undefined) throw error;
      rmSync(path, { force: true });
      log.info({ type: request.type, containerId: request.env["CNI_CONTAINERID"] }, "kept DEL carried out");
    } catch (thrown) {
      const error = KxError.from(thrown);
      if (!hopeless.includes(error.code)) return log.warn({ err: error, file: path }, "kept DEL failed, tried later");
      log.error({ err: error, file: path }, "kept DEL cannot be carried out");
      renameSync(path, join(folder, `.refused.${name}`));
    }
  }

  async function replayAll(signal: AbortSignal): Promise<void> {
    const names = waiting(folder);
    const next = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined && !signal.aborted; name = names.pop()) await replayOne(name);
    };
    await Promise.all(Array.from({ length: atOnce }, next));
  }

  return {
    async replay(signal) {
      if (running === undefined && waiting(folder).length === 0) return;
      running ??= replayAll(signal).finally(() => {
        running = undefined;
      });
      await running;
    },
  };
}

/** What begins with a dot is still being written, or was refused. */
function waiting(folder: string): string[] {
  // Asked for each ADD, and mostly there is none: an error would cost more.
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(".")) : [];
}
