import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { KxError } from "@kx/core";
import { linuxAddonPath } from "@kx/core/linux";
import { pluginTypes } from "../plugins.ts";
import { endDraining } from "./draining.ts";
import {
  currentName,
  type FolderPlan,
  type InstallSources,
  makeFolder,
  programName,
  removeOtherFolders,
  shimName,
} from "./folder.ts";
import { linkTarget, replaceLink } from "./links.ts";
import { checkNetwork, conflistPath, type InstalledNetwork, writeNetwork } from "./network.ts";
import { type CniFolders, placesOf, removeHalfMade, whileInstalling } from "./places.ts";

/** How plug-ins are installed. */
export interface InstallCniOptions extends CniFolders {
  /** Links the names to the Node program, without the shim: slower, and no daemon is asked. Default: false. */
  readonly plain?: boolean;
  /** Whether Node and its program are copied too, for when no daemon answers. Default: true. */
  readonly fallback?: boolean;
  /** Default: the files of this package, and the Node that runs now. */
  readonly sources?: Partial<InstallSources>;
  /** A configuration for the container runtime, written last. Default: none, as a node agent writes it. */
  readonly network?: InstalledNetwork;
}

/** What was installed. */
export interface CniInstalled {
  readonly folder: string;
  readonly types: readonly string[];
  /** What the plug-ins' names lead to. */
  readonly executable: "shim" | "node";
  /** Whether calls are carried out while no daemon answers. */
  readonly hasFallback: boolean;
  /** The network configuration, if one was asked for. */
  readonly conflist?: string;
  /** What whoever installs should know, in words. */
  readonly notes: readonly string[];
}

/**
 * Installs kx's plug-ins on this node: a folder below the prefix, the link `current` to it, and links to that under the
 * plug-ins' names. Each is put in place by one rename, so it can be done again, with another version too, while plug-ins run;
 * what an installation that was killed has left is removed. It ends an uninstallation that waits for attachments to go.
 *
 * @throws KxError `KX_CNI_INSTALL`, before anything is changed if it is for the network; `KX_CNI_IO` if that cannot be written.
 */
export async function installCni(options: InstallCniOptions = {}): Promise<CniInstalled> {
  const places = placesOf(options);
  const { plain = false, fallback = true, network } = options;
  if (network !== undefined) checkNetwork(network);
  const sources = findSources(options.sources ?? {});
  const hasShim = !plain && sources.shim !== undefined;
  const plan: FolderPlan = { sources, hasNode: fallback || !hasShim, hasShim };
  await makeFolders(places);
  const folder = await whileInstalling(places.prefix, async () => {
    await removeHalfMade(places);
    const made = await placePlugins(places, plan);
    await endDraining(places.prefix);
    return made;
  });
  const shadow = network === undefined ? undefined : await writeNetwork(network);
  const notes = [
    ...(plain || hasShim
      ? []
      : ["no shim: kx was built without a C compiler; each call starts Node, some 60 ms slower"]),
    ...(plan.hasNode ? [] : ["no fallback: while no daemon answers, ADD fails and DEL is kept for later"]),
    ...(shadow === undefined ? [] : [`the container runtime takes ${shadow}, whose name sorts before: remove it`]),
  ];
  return {
    folder,
    types: pluginTypes,
    executable: hasShim ? "shim" : "node",
    hasFallback: plan.hasNode,
    ...(network === undefined ? {} : { conflist: conflistPath(network) }),
    notes,
  };
}

async function makeFolders({ binDir, prefix }: Required<CniFolders>): Promise<void> {
  try {
    for (const folder of [prefix, binDir]) await mkdir(folder, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new KxError("KX_CNI_INSTALL", `a folder cannot be made: ${KxError.from(cause).reason}`, {
      cause,
      remedy: "run it as root, or name other folders",
    });
  }
}

/** Makes a folder the one that is used. The one before may be just starting, so it stays. */
async function placePlugins({ binDir, prefix }: Required<CniFolders>, plan: FolderPlan): Promise<string> {
  const folder = await makeFolder(prefix, await ownVersion(), plan);
  const current = join(prefix, currentName);
  const previous = await linkTarget(current);
  await replaceLink(current, basename(folder));
  await linkPlugins(binDir, join(current, plan.hasShim ? shimName : programName));
  await removeOtherFolders(prefix, [folder, ...(previous === undefined ? [] : [resolve(prefix, previous)])]);
  return folder;
}

/**
 * Lets the plug-ins' names lead to the Node program, which needs no daemon: the one that is installed, else another.
 * For who works alone.
 */
export async function placePrograms(
  places: Required<CniFolders>,
  sources: Partial<InstallSources> = {},
): Promise<void> {
  const program = join(places.prefix, currentName, programName);
  if (existsSync(program)) await linkPlugins(places.binDir, program);
  else await placePlugins(places, { sources: findSources(sources), hasNode: true, hasShim: false });
}

/** Puts links to an executable under the plug-ins' names, each by a rename. */
export async function linkPlugins(binDir: string, executable: string): Promise<void> {
  for (const type of pluginTypes) await replaceLink(join(binDir, type), executable);
}

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
