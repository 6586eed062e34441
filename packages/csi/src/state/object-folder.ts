import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Logger } from "@kx/core";
import type { StoredObject } from "../driver/volume-state.ts";
import { fileNameOf, objectSuffix } from "./file-names.ts";
import { failed } from "./state-errors.ts";
import { joined, syncFile, syncPath } from "./sync.ts";

const objectMode = 0o600;
const folderMode = 0o700;
const temporary = ".new-";
const setAside = ".torn";

/** A folder that holds one object a file. */
export interface ObjectFolder {
  /** All objects; what a crash left is removed, what is no object is set aside. */
  load(log: Logger): readonly StoredObject[];
  write(object: StoredObject): Promise<void>;
  remove(id: string): Promise<void>;
  close(): void;
}

/**
 * Opens a folder of objects, made if it is missing.
 *
 * @param isSynced - whether a change is on the disk, not only with the kernel, before its promise resolves.
 */
export async function openObjectFolder(folder: string, isSynced: boolean): Promise<ObjectFolder> {
  const fd = openFolder(folder);
  const sync = isSynced ? joined(() => syncFile(fd)) : undefined;
  if (isSynced) await syncPath(dirname(folder));
  let made = 0;

  return {
    load: (log) => readdirSync(folder).flatMap((name) => loadFile(folder, name, log) ?? []),
    async write(object) {
      const making = join(folder, `${temporary}${++made}`);
      const what = `${object.id} cannot be written to ${folder}`;
      try {
        const file = openSync(making, "w", objectMode);
        try {
          writeAll(file, Buffer.from(`${JSON.stringify(object)}\n`));
          if (isSynced) await syncFile(file);
        } finally {
          closeSync(file);
        }
        renameSync(making, join(folder, fileNameOf(object.id)));
        await sync?.();
      } catch (cause) {
        rmSync(making, { force: true });
        throw failed(what, cause);
      }
    },
    async remove(id) {
      try {
        rmSync(join(folder, fileNameOf(id)), { force: true });
        await sync?.();
      } catch (cause) {
        throw failed(`${id} cannot be removed from ${folder}`, cause);
      }
    },
    close: () => closeSync(fd),
  };
}

function openFolder(folder: string): number {
  try {
    mkdirSync(folder, { recursive: true, mode: folderMode });
    return openSync(folder, "r");
  } catch (cause) {
    throw failed(`the folder ${folder} cannot be made`, cause);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}

function loadFile(folder: string, name: string, log: Logger): StoredObject | undefined {
  const path = join(folder, name);
  if (name.startsWith(temporary)) {
    rmSync(path, { force: true });
    return undefined;
  }
  if (!name.endsWith(objectSuffix)) return undefined;
  const object = parseObject(readFileSync(path, "utf8"));
  if (object !== undefined && fileNameOf(object.id) === name) return object;
  renameSync(path, path + setAside);
  const fields = { file: path + setAside, remedy: "if it is not empty, correct it and put it back under its old name" };
  log.error(fields, "a file of the state is no whole object and was set aside: what it told of is not known any more");
  return undefined;
}

function parseObject(text: string): StoredObject | undefined {
  try {
    const object = JSON.parse(text) as StoredObject;
    const isObject = [object.kind, object.id, object.name].every((field) => typeof field === "string");
    return isObject ? object : undefined;
  } catch {
    return undefined;
  }
}
