import { readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { systemClock } from "@kx/core";
import { withFileLock } from "../daemon/attachment-lock.ts";

/** Where things are on a node, as the container runtime is configured. */
export interface CniFolders {
  /** Where the runtime looks for plug-ins. Default: `/opt/cni/bin`. */
  readonly binDir?: string;
  /** Where kx's own files go. The path must be the same for this process and for the runtime. Default: `/opt/kx`. */
  readonly prefix?: string;
}

/** {@link CniFolders}, complete and absolute. */
export function placesOf({ binDir = "/opt/cni/bin", prefix = "/opt/kx" }: CniFolders): Required<CniFolders> {
  return { binDir: resolve(binDir), prefix: resolve(prefix) };
}

/** Copying Node.js takes long on a slow disk. */
const waitMs = 120_000;

/** Works while nobody else installs or uninstalls below a prefix. */
export async function whileInstalling<T>(prefix: string, work: () => Promise<T>): Promise<T> {
  const waiter = { signal: new AbortController().signal, clock: systemClock, waitMs };
  return await withFileLock(join(prefix, ".lock"), "installation", waiter, work);
}

/** Removes what an installation that was killed has not put in its place. Only for who works alone. */
export async function removeHalfMade({ binDir, prefix }: Required<CniFolders>): Promise<void> {
  for (const folder of [binDir, prefix]) {
    const names = await readdir(folder).catch(() => []);
    const halfMade = names.filter((name) => /^\.(kx-link|.*-[\da-f]{12}|uninstall\.json)\.tmp$/.test(name));
    for (const name of halfMade) await rm(join(folder, name), { recursive: true, force: true });
  }
}
