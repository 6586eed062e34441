import { randomUUID } from "node:crypto";
import { chmod, copyFile, link, lstat, mkdir, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sha256File, sha256Texts } from "./digest.ts";
import { type FileRecord, isComplete, type Manifest, manifestName, type Origin, readManifest } from "./manifest.ts";

/**
 * The cache of one Kubernetes version and platform:
 * ```
 * lock                     held while something below is made
 * units/<recipe>-<key>/    what one recipe gave, never changed afterwards
 * sets/<key>/              units linked together (hard links): the folder that a cluster runs from
 * tmp/  logs/  downloads/
 * ```
 * A unit's or set's folder appears by a rename, so it is whole or not there; a changed recipe has another key, so a
 * running cluster keeps its files.
 */
export interface Store {
  readonly lock: string;
  readonly units: string;
  readonly sets: string;
  readonly tmp: string;
  readonly logs: string;
  readonly downloads: string;
}

export function storeAt(dir: string): Store {
  const below = (name: string) => join(dir, name);
  return {
    lock: below("lock"),
    units: below("units"),
    sets: below("sets"),
    tmp: below("tmp"),
    logs: below("logs"),
    downloads: below("downloads"),
  };
}

/** Makes the folders. */
export async function prepare(store: Store): Promise<void> {
  for (const dir of [store.units, store.sets, store.tmp]) await mkdir(dir, { recursive: true, mode: 0o755 });
}

/** Removes what earlier runs that were killed have left half-made. Only the holder of the lock may call it. */
export async function sweep(store: Store): Promise<void> {
  for (const name of await readdir(store.tmp)) {
    await rm(join(store.tmp, name), { recursive: true, force: true, maxRetries: 3 });
  }
}

/** A unit's manifest, if its folder is whole; contents are not read. */
export async function findUnit(store: Store, name: string): Promise<Manifest | undefined> {
  const dir = join(store.units, name);
  const manifest = await readManifest(dir);
  return manifest !== undefined && (await isComplete(dir, manifest)) ? manifest : undefined;
}

/** Whether every file of a unit still has its checksum. */
export async function isUnharmed(store: Store, name: string, manifest: Manifest): Promise<boolean> {
  for (const [path, record] of Object.entries(manifest.files)) {
    if ((await sha256File(join(store.units, name, path))) !== record.sha256) return false;
  }
  return true;
}

/** What a recipe gives: `fill` puts the files into an empty folder. */
export interface UnitContent {
  readonly version: string;
  readonly links: Readonly<Record<string, string>>;
  readonly fill: (dir: string) => Promise<{ origin: Origin; from: string }>;
}

/** Makes a unit's folder; if `fill` fails, nothing remains. */
export async function makeUnit(store: Store, name: string, content: UnitContent): Promise<Manifest> {
  return makeFolder(store, join(store.units, name), async (dir) => {
    const { origin, from } = await content.fill(dir);
    const files: Record<string, FileRecord> = {};
    for (const path of await filesBelow(dir)) {
      await chmod(join(dir, path), 0o755);
      const { size } = await stat(join(dir, path));
      files[path] = { sha256: await sha256File(join(dir, path)), size, origin, from };
    }
    // A unit of single downloads has the programs themselves where a built one has links.
    const links = Object.entries(content.links).filter(([path]) => files[path] === undefined);
    return { kx: 1, version: content.version, files, links: Object.fromEntries(links) };
  });
}

/** The name of the set of these units. Pure. */
export function setName(unitNames: readonly string[]): string {
  return sha256Texts(unitNames).slice(0, 16);
}

/** A set's folder and manifest, if it is whole; contents are not read. */
export async function findSet(store: Store, name: string): Promise<{ dir: string; manifest: Manifest } | undefined> {
  const dir = join(store.sets, name);
  const manifest = await readManifest(dir);
  return manifest !== undefined && (await isComplete(dir, manifest)) ? { dir, manifest } : undefined;
}

/** Links units together into a set's folder. */
export async function makeSet(
  store: Store,
  name: string,
  version: string,
  units: ReadonlyMap<string, Manifest>,
): Promise<{ dir: string; manifest: Manifest }> {
  const target = join(store.sets, name);
  const manifest = await makeFolder(store, target, async (dir) => {
    const files: Record<string, FileRecord> = {};
    const links: Record<string, string> = {};
    for (const [unit, content] of units) {
      Object.assign(files, content.files);
      Object.assign(links, content.links);
      for (const path of Object.keys(content.files)) {
        await mkdir(dirname(join(dir, path)), { recursive: true, mode: 0o755 });
        await linkOrCopy(join(store.units, unit, path), join(dir, path));
      }
    }
    return { kx: 1, version, files, links };
  });
  return { dir: target, manifest };
}

async function makeFolder(store: Store, target: string, fill: (dir: string) => Promise<Manifest>): Promise<Manifest> {
  const dir = join(store.tmp, randomUUID());
  await mkdir(dir, { mode: 0o755 });
  try {
    const manifest = await fill(dir);
    for (const [path, to] of Object.entries(manifest.links)) {
      await mkdir(dirname(join(dir, path)), { recursive: true, mode: 0o755 });
      await symlink(to, join(dir, path));
    }
    for (const folder of [".", ...(await foldersBelow(dir))]) await chmod(join(dir, folder), 0o755);
    await writeFile(join(dir, manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o644 });
    // What is there was found not to be whole, or harmed.
    await rm(target, { recursive: true, force: true });
    await rename(dir, target);
    return manifest;
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    // A file system without hard links.
    await copyFile(from, to);
    await chmod(to, 0o755);
  }
}

async function filesBelow(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  const kinds = await Promise.all(names.map((name) => lstat(join(dir, name))));
  return names.filter((_, i) => kinds[i]?.isFile()).toSorted();
}

async function foldersBelow(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  const kinds = await Promise.all(names.map((name) => lstat(join(dir, name))));
  return names.filter((_, i) => kinds[i]?.isDirectory());
}
