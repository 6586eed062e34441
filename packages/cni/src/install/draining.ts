import { readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KxError } from "@kx/core";
import type { CniCommand } from "@kx/core/contracts/cni";
import { defaultSocketPath, stateFolder } from "../daemon/state-folder.ts";
import { removeHalfWritten } from "../node-network/conflist-file.ts";
import { nameOf, ownAttachments } from "./attached.ts";
import { currentName, removeOtherFolders } from "./folder.ts";
import { linksInto } from "./links.ts";
import { removeHalfMade, whileInstalling } from "./places.ts";

/** What is to be removed when the last attachment is gone: as long as this is in the prefix, nothing is attached any more. */
export interface Draining {
  readonly binDir: string;
  readonly prefix: string;
  /** The network configuration that is kx's. */
  readonly conflist: string;
  /** Where the runtime remembers attachments. */
  readonly cacheDir: string;
  /** The daemon's socket, whose state is beside it. */
  readonly socketPath: string;
  /** Attachments whose last DEL has been, although the runtime may not have forgotten them yet. */
  readonly gone: readonly string[];
}

const fileIn = (prefix: string) => join(prefix, "uninstall.json");

/** What a prefix is being emptied of; undefined if it is not. */
export async function readDraining(prefix: string): Promise<Draining | undefined> {
  const text = await readFile(fileIn(prefix), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as Draining);
}

/** From here on plug-ins below the prefix attach nothing. */
export async function writeDraining(draining: Draining): Promise<void> {
  const making = join(draining.prefix, ".uninstall.json.tmp");
  await writeFile(making, JSON.stringify(draining));
  await rename(making, fileIn(draining.prefix));
}

/** Plug-ins attach again. */
export async function endDraining(prefix: string): Promise<void> {
  await rm(fileIn(prefix), { force: true });
}

/** What plug-ins that are drained do not do. */
export function drainingRefusal(command: CniCommand | undefined): KxError | undefined {
  if (command !== "ADD" && command !== "STATUS") return undefined;
  const reason = "kx's plug-ins are being uninstalled from this node";
  const remedy = "they go with the last attachment; `kx cni install` keeps them";
  return command === "ADD"
    ? new KxError("KX_CNI_DRAINING", reason, { retryable: true, remedy })
    : new KxError("KX_CNI_NOT_AVAILABLE", reason, { remedy });
}

/** A DEL that has been carried out. */
export interface DoneDelete {
  readonly type: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** Takes note of a DEL while a prefix is drained, and removes everything if that was the last one. */
export async function noteDelete(prefix: string, { type, containerId, ifName }: DoneDelete): Promise<void> {
  await whileInstalling(prefix, async () => {
    const draining = await readDraining(prefix);
    if (draining === undefined) return;
    const attached = await ownAttachments(draining.cacheDir);
    const ended = attached.filter(
      (one) => one.containerId === containerId && one.ifName === ifName && one.lastType === type,
    );
    const now = { ...draining, gone: [...new Set([...draining.gone, ...ended.map(nameOf)])] };
    if (attached.every((one) => now.gone.includes(nameOf(one)))) await removeAll(now);
    else await writeDraining(now);
  });
  await removeIfEmpty(prefix);
}

/** Removes all that an installation and its plug-ins have made but leases; the configuration first, what tells of it last. */
export async function removeAll({ binDir, prefix, conflist, socketPath }: Omit<Draining, "gone">): Promise<void> {
  await rm(conflist, { force: true });
  await removeHalfWritten(conflist);
  for (const link of await linksInto(binDir, prefix)) await rm(link, { force: true });
  await removeHalfMade({ binDir, prefix });
  await rm(join(prefix, currentName), { force: true });
  await removeOtherFolders(prefix, []);
  await rm(stateFolder(socketPath).folder, { recursive: true, force: true });
  await removeEmptyState(socketPath);
  await endDraining(prefix);
}

/** Removes the folders that a call which was still running has made anew. */
export async function removeEmptyState(socketPath: string): Promise<void> {
  const { locks, deletes, ready, folder } = stateFolder(socketPath);
  for (const path of [locks, deletes, ready, folder]) await removeIfEmpty(path);
  // Another folder for a socket is its owner's.
  if (socketPath === defaultSocketPath) await removeIfEmpty(dirname(socketPath));
}

/** Removes a folder unless something is in it, or is mounted on it. */
export async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (!["ENOENT", "ENOTEMPTY", "EBUSY", "EROFS"].includes(error.code ?? "")) throw error;
  });
}
