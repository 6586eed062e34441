import { closeSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { KxError, type Logger } from "@kx/core";
import { isLinuxAvailable, tryLock } from "@kx/core/linux";
import type { StateKind, VolumeState } from "../driver/volume-state.ts";
import { escapeName } from "./file-names.ts";
import { type ObjectFolder, openObjectFolder } from "./object-folder.ts";
import { createObjectIndex, type ObjectIndex } from "./object-index.ts";
import { failed } from "./state-errors.ts";

/** How `fileState` keeps objects. */
export interface FileStateOptions {
  /**
   * What a change outlives once it was awaited: `fsync` a loss of power, `rename` the end of the process, several times
   * as fast. Default: `fsync`.
   */
  readonly durability?: "fsync" | "rename";
}

interface Kind {
  readonly folder: ObjectFolder;
  readonly index: ObjectIndex;
}

interface Opened {
  readonly lock: number;
  readonly kinds: Map<string, Promise<Kind>>;
}

/**
 * State in files, one object a file, each written under another name and renamed. All objects are also in memory, so that
 * reading costs no I/O. One process at a time has the folder; it is opened by `open` or the first other call.
 *
 * @throws KxError of `open` and all calls: `KX_CSI_STATE_LOCKED`, `KX_CSI_STATE_IO`.
 */
export function fileState(dir: string, { durability = "fsync" }: FileStateOptions = {}): VolumeState {
  const isSynced = durability === "fsync";
  let opening: Promise<Opened> | undefined;
  let log: Logger | undefined;

  const load = async (name: string): Promise<Kind> => {
    // A reboot voids publications anyhow.
    const folder = await openObjectFolder(join(dir, name), isSynced && name !== "publication");
    return { folder, index: createObjectIndex(folder.load(log ?? silent)) };
  };
  const open = (): Promise<Opened> => {
    opening ??= openAll().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const openAll = async (): Promise<Opened> => {
    const lock = lockFolder(dir);
    try {
      const names = readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [entry.name] : [],
      );
      const kinds = new Map<string, Promise<Kind>>();
      // One after another: the objects of one kind are read without a pause.
      for (const name of names) kinds.set(name, Promise.resolve(await load(name)));
      return { lock, kinds };
    } catch (error) {
      closeSync(lock);
      throw KxError.is(error) ? error : failed(`the state in ${dir} cannot be read`, error);
    }
  };
  const kindOf = async (kind: StateKind): Promise<Kind> => {
    const { kinds } = await open();
    const name = escapeName(kind);
    const known = kinds.get(name) ?? load(name);
    kinds.set(name, known);
    known.catch(() => kinds.delete(name));
    return known;
  };

  return {
    async open(logger) {
      log = logger;
      await open();
    },
    get: async (kind, id) => (await kindOf(kind)).index.get(id),
    findByName: async (kind, name) => (await kindOf(kind)).index.findByName(name),
    async put(object) {
      const { folder, index } = await kindOf(object.kind);
      await folder.write(object);
      index.put(object);
    },
    async delete(kind, id) {
      const { folder, index } = await kindOf(kind);
      if (index.get(id) === undefined) return;
      await folder.remove(id);
      index.delete(id);
    },
    list: async (kind, after, limit) => (await kindOf(kind)).index.list(after, limit),
    async [Symbol.asyncDispose]() {
      const opened = await opening?.catch(() => undefined);
      opening = undefined;
      if (opened === undefined) return;
      const kinds = await Promise.allSettled(opened.kinds.values());
      for (const kind of kinds) if (kind.status === "fulfilled") kind.value.folder.close();
      closeSync(opened.lock);
    },
  };
}

const nothing = (): void => undefined;
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };

function lockFolder(dir: string): number {
  const lock = openLock(dir);
  if (!isLinuxAvailable() || tryLock(lock)) return lock;
  closeSync(lock);
  throw new KxError("KX_CSI_STATE_LOCKED", `another process has the state in ${dir}`, {
    remedy: "stop the driver that runs already, or give this one a folder of its own",
    details: { dir },
  });
}

function openLock(dir: string): number {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    return openSync(join(dir, ".lock"), "a", 0o600);
  } catch (cause) {
    throw failed(`the state's folder ${dir} cannot be used`, cause);
  }
}
