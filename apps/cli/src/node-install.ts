import { constants } from "node:fs";
import { copyFile, link, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { linuxAddonPath } from "@kx/core/linux";
import { version } from "./version.ts";

/** A folder with all that runs on a node, and where nodes show it. */
export interface NodeInstall {
  readonly hostPath: string;
  readonly nodePath: string;
}

/**
 * Lays out what nodes run: a folder of a version's own with Node.js and the agent in one file, beside it the processes and
 * the addon for its system calls. Nodes hide every other `node` binary and the checkout.
 */
export async function makeNodeInstall(dir: string): Promise<NodeInstall> {
  const hostPath = join(dir, "install", version());
  await mkdir(join(hostPath, "bin"), { recursive: true, mode: 0o755 });
  await place(process.execPath, join(hostPath, "bin/node"));
  for (const name of ["node-agent.js", "bounded-child.js", "netlink-worker.js"]) {
    await place(fileURLToPath(new URL(name, import.meta.url)), join(hostPath, name));
  }
  const addon = linuxAddonPath();
  if (addon !== undefined) await place(addon, join(hostPath, "koffi.node"));
  return { hostPath, nodePath: `/opt/kx/${version()}` };
}

/** A hard link costs nothing, but does not cross file systems. */
async function place(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE));
}
