import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { KxError } from "@kx/core";
import { linuxAddonPath } from "@kx/core/linux";
import { pluginTypes } from "../plugins.ts";
import {
  type FolderPlan,
  type InstallSources,
  makeFolder,
  programName,
  removeOtherFolders,
  shimName,
} from "./folder.ts";
import { linksInto, linkTarget, replaceLink } from "./links.ts";

/** Where things are on a node, as the container runtime is configured. */
export interface CniFolders {
  /** Where the runtime looks for plug-ins. Default: `/opt/cni/bin`. */
  readonly binDir?: string;
  /** Where kx's own files go. The path must be the same for this process and for the runtime. Default: `/opt/kx`. */
  readonly prefix?: string;
}

/** How plug-ins are installed. */
export interface InstallCniOptions extends CniFolders {
  /** Links the names to the Node program, without the shim: slower, and no daemon is asked. Default: false. */
  readonly plain?: boolean;
  /** Whether Node and its program are copied too, for when no daemon answers. Default: true. */
  readonly fallback?: boolean;
  /** Default: the files of this package, and the Node that runs now. */
  readonly sources?: Partial<InstallSources>;
}

/** What was installed. */
export interface CniInstalled {
  readonly folder: string;
  readonly types: readonly string[];
  /** What the plug-ins' names lead to. */
  readonly executable: "shim" | "node";
  /** Whether calls are carried out while no daemon answers. */
  readonly hasFallback: boolean;
  /** What whoever installs should know, in words. */
  readonly notes: readonly string[];
}

const currentName = "current";

/**
 * Installs kx's plug-ins on this node: a folder below the prefix, the link `current` to it, and links to that under the
 * plug-ins' names. Each is put in place by one rename, so it can be done again, with another version too, while plug-ins run.
 *
 * @throws KxError `KX_CNI_INSTALL`.
 */
export async function installCni(options: InstallCniOptions = {}): Promise<CniInstalled> {
  const { binDir = "/opt/cni/bin", prefix = "/opt/kx", plain = false, fallback = true } = options;
  const sources = findSources(options.sources ?? {});
  const hasShim = !plain && sources.shim !== undefined;
  const plan: FolderPlan = { sources, hasNode: fallback || !hasShim, hasShim };
  const top = resolve(prefix);
  await mkdir(top, { recursive: true, mode: 0o755 });
  const folder = await makeFolder(top, await ownVersion(), plan);
  const current = join(top, currentName);
  const previous = await linkTarget(current);
  await replaceLink(current, basename(folder));
  await mkdir(binDir, { recursive: true, mode: 0o755 });
  for (const type of pluginTypes) {
    await replaceLink(join(binDir, type), join(current, hasShim ? shimName : programName));
  }
  // The one before may be just starting.
  await removeOtherFolders(top, [folder, ...(previous === undefined ? [] : [resolve(top, previous)])]);
  const notes = [
    ...(plain || hasShim
      ? []
      : ["no shim: kx was built without a C compiler; each call starts Node, some 60 ms slower"]),
    ...(plan.hasNode ? [] : ["no fallback: while no daemon answers, ADD fails and DEL is kept for later"]),
  ];
  return { folder, types: pluginTypes, executable: hasShim ? "shim" : "node", hasFallback: plan.hasNode, notes };
}

/** How plug-ins are uninstalled. */
export interface UninstallCniOptions extends CniFolders {
  /** Where the runtime's network configurations are. Default: `/etc/cni/net.d`. */
  readonly confDir?: string;
}

/**
 * Takes away what `installCni` has put there: first kx's network configuration, so that no new pod asks for it, then the
 * plug-ins, then their folder. Doing it again is no error.
 */
export async function uninstallCni(options: UninstallCniOptions = {}): Promise<void> {
  const { binDir = "/opt/cni/bin", confDir = "/etc/cni/net.d", prefix = "/opt/kx" } = options;
  const top = resolve(prefix);
  await rm(join(confDir, conflistName), { force: true });
  for (const link of await linksInto(binDir, top)) await rm(link, { force: true });
  await rm(join(top, currentName), { force: true });
  if (existsSync(top)) await removeOtherFolders(top, []);
}

/** The network configuration that kx writes. */
export const conflistName = "10-kx.conflist";

function findSources(given: Partial<InstallSources>): InstallSources {
  const addon = given.addon ?? linuxAddonPath();
  const program = given.program ?? packageFile("bin/kx-cni.js");
  const shim = given.shim ?? packageFile(`shim/${shimName}`);
  if (addon === undefined || program === undefined) {
    throw new KxError("KX_CNI_INSTALL", `${addon === undefined ? "koffi" : "the plug-ins' program"} is missing`, {
      remedy: "install @kx/cni with its optional dependencies, or name the files as sources",
    });
  }
  return { program, addon, node: given.node ?? process.execPath, ...(shim === undefined ? {} : { shim }) };
}

/** A file that the build of this package makes; undefined if it has not. */
function packageFile(name: string): string | undefined {
  const top = /^.*\/(?=(?:src|dist)\/)/.exec(import.meta.url)?.[0];
  if (top === undefined) return undefined;
  const path = fileURLToPath(new URL(`dist/${name}`, top));
  return existsSync(path) ? path : undefined;
}

async function ownVersion(): Promise<string> {
  const path = packageFile("../package.json");
  if (path === undefined) return "0";
  const { version }: { readonly version: string } = JSON.parse(await readFile(path, "utf8"));
  return version;
}
