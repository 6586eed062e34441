import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, constants, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { KxError } from "@kx/core";

/** Where the files come from that a node needs. */
export interface InstallSources {
  /** The bundle of all plug-ins. */
  readonly program: string;
  /** Node, for a node has none. */
  readonly node: string;
  /** koffi's addon for that Node. */
  readonly addon: string;
  /** Absent if there was no compiler when kx was built. */
  readonly shim?: string;
}

/** What an install folder is to hold. */
export interface FolderPlan {
  readonly sources: InstallSources;
  /** Whether Node and its program are part of it, for when no daemon answers. */
  readonly hasNode: boolean;
  readonly hasShim: boolean;
}

/** The file that runtimes' names lead to: the shim, or the Node program. */
export const shimName = "kx-cni-shim";
export const programName = "kx-cni";
/** The link to the folder that is used. */
export const currentName = "current";

/**
 * Puts an install folder below the prefix, named by version and content: one that is there is never changed, as it may be in use.
 *
 * @returns its path.
 */
export async function makeFolder(prefix: string, version: string, plan: FolderPlan): Promise<string> {
  try {
    const folder = join(prefix, `${version}-${await digest(plan)}`);
    if (!(await isThere(folder))) await fillFolder(folder, plan);
    return folder;
  } catch (cause) {
    throw new KxError("KX_CNI_INSTALL", `cannot make a folder in ${prefix}: ${KxError.from(cause).reason}`, {
      cause,
      remedy: "check that it can be written and has room for Node (some 120 MB), and that the sources are there",
    });
  }
}

async function fillFolder(folder: string, { sources, hasNode, hasShim }: FolderPlan): Promise<void> {
  const making = halfMade(folder);
  await rm(making, { recursive: true, force: true });
  try {
    await mkdir(making, { recursive: true, mode: 0o755 });
    if (hasShim && sources.shim !== undefined) await place(sources.shim, join(making, shimName), 0o755);
    if (hasNode) {
      await place(sources.node, join(making, "node"), 0o755);
      await place(sources.addon, join(making, "koffi.node"), 0o644);
      // A file without extension is a module only below such a package.json; the first line is for those who execute it.
      await writeFile(join(making, "package.json"), '{ "type": "module" }\n');
      await writeFile(join(making, programName), `#!${folder}/node\n${await readFile(sources.program, "utf8")}`);
      await chmod(join(making, programName), 0o755);
    }
    await rename(making, folder);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Removes the install folders of a version that are not among these. */
export async function removeOtherFolders(prefix: string, keep: readonly string[]): Promise<void> {
  if (!(await isThere(prefix))) return;
  for (const name of await readdir(prefix)) {
    const path = join(prefix, name);
    if (keep.includes(path) || !(await isInstallFolder(path))) continue;
    // Killed in between, it must not look like something of another's.
    const removing = halfMade(path);
    await rename(path, removing);
    await rm(removing, { recursive: true, force: true });
  }
}

/** What a folder is called while it is not whole. */
function halfMade(folder: string): string {
  return join(dirname(folder), `.${basename(folder)}.tmp`);
}

async function isInstallFolder(path: string): Promise<boolean> {
  const marks = [shimName, programName].map((name) => isThere(join(path, name)));
  return /-[\da-f]{12}$/.test(path) && (await Promise.all(marks)).includes(true);
}

async function place(from: string, to: string, mode: number): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, mode);
}

async function digest({ sources, hasNode, hasShim }: FolderPlan): Promise<string> {
  const hash = createHash("sha256").update(`${hasNode} ${hasShim}\0`);
  const files = [
    ...(hasShim && sources.shim !== undefined ? [sources.shim] : []),
    ...(hasNode ? [sources.node, sources.addon, sources.program] : []),
  ];
  for (const file of files) await pipeline(createReadStream(file), hash, { end: false });
  return hash.digest("hex").slice(0, 12);
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
