import type { Dirent } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { KxError } from "@kx/core";
import { parseObject } from "../plugin/json-object.ts";
import { listOf, type Network, parseList, requirePlugins } from "./network.ts";

/** A file of a folder of configurations. */
export interface NetworkFile {
  readonly path: string;
  /** Undefined if it cannot be read; then `error` tells why. */
  readonly network?: Network;
  readonly error?: KxError;
}

/**
 * Reads all networks of a folder, lists (`.conflist`) before single plug-ins (`.conf`, `.json`), each sorted by name.
 *
 * @throws KxError `KX_CNI_IO` if the folder is there and cannot be read.
 */
export async function loadNetworks(folder: string): Promise<readonly NetworkFile[]> {
  const names = await fileNames(folder);
  const lists = names.filter((name) => extname(name) === ".conflist");
  const singles = names.filter((name) => [".conf", ".json"].includes(extname(name)));
  const load = async (name: string): Promise<NetworkFile> => {
    const path = join(folder, name);
    try {
      return { path, network: await loadFile(folder, path) };
    } catch (error) {
      return { path, error: KxError.from(error) };
    }
  };
  return await Promise.all([...lists, ...singles].map(load));
}

/**
 * The first network of a name in a folder, as `loadNetworks` orders them. Files that cannot be read are passed over, as they
 * may be of other networks; if none has the name, the error tells of them.
 *
 * @throws KxError `KX_CNI_NETWORK_MISSING` or `KX_CNI_IO`.
 */
export async function loadNetwork(folder: string, name: string): Promise<Network> {
  const files = await loadNetworks(folder);
  const found = files.find(({ network }) => network?.name === name)?.network;
  if (found !== undefined) return found;
  const broken = files.flatMap(({ error }) => (error === undefined ? [] : [error.reason]));
  const others = files.flatMap(({ network }) => (network === undefined ? [] : [network.name]));
  const known = others.length === 0 ? "it holds no network" : `it holds ${others.join(", ")}`;
  throw new KxError("KX_CNI_NETWORK_MISSING", [`there is no network ${name} in ${folder}`, ...broken].join("; "), {
    remedy: broken.length === 0 ? known : "correct the files that cannot be read",
  });
}

async function loadFile(folder: string, path: string): Promise<Network> {
  const text = await read(path);
  if (extname(path) !== ".conflist")
    return requirePlugins(await parseList(listOf(parseObject(text, path)), path), path);
  const list = await parseList(text, path);
  const beside = list.loadOnlyInlinedPlugins ? [] : await pluginsBeside(join(folder, list.name));
  const { plugins } = beside.length === 0 ? list : await parseList(listWith(list, beside), path);
  return requirePlugins({ ...list, plugins }, path);
}

/** The plug-ins of the folder that is named like the network. */
async function pluginsBeside(folder: string): Promise<readonly unknown[]> {
  const names = (await fileNames(folder)).filter((name) => extname(name) === ".conf");
  const paths = names.map((name) => join(folder, name));
  return await Promise.all(paths.map(async (path) => parseObject(await read(path), path)));
}

/** The list as if all its plug-ins stood in it, so that they are checked like others. */
function listWith({ name, cniVersion, plugins }: Network, more: readonly unknown[]): string {
  return JSON.stringify({ name, cniVersion, plugins: [...plugins, ...more] });
}

async function fileNames(folder: string): Promise<readonly string[]> {
  let entries: readonly Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw unreadable(folder, error);
  }
  // Sorted by bytes, as Go does.
  const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  return names.toSorted((a, b) => (a < b ? -1 : 1));
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): KxError {
  const { code } = cause as NodeJS.ErrnoException;
  return new KxError("KX_CNI_IO", `${path} cannot be read: ${code}`, { cause });
}
