import { constants } from "node:fs";
import { copyFile, link, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "./version.ts";

/** A folder with all that runs on a node, and where nodes show it. */
export interface NodeInstall {
  readonly hostPath: string;
  readonly nodePath: string;
}

/**
 * Lays out what nodes run: a folder of a version's own with Node.js and the agent in one file. Nodes hide every other
 * `node` binary and the checkout.
 */
export async function makeNodeInstall(dir: string): Promise<NodeInstall> {
  const hostPath = join(dir, "install", version());
  await mkdir(join(hostPath, "bin"), { recursive: true, mode: 0o755 });
  await place(process.execPath, join(hostPath, "bin/node"));
  await place(fileURLToPath(new URL("./node-agent.js", import.meta.url)), join(hostPath, "node-agent.js"));
  return { hostPath, nodePath: `/opt/kx/${version()}` };
}

/** A hard link costs nothing, but does not cross file systems. */
async function place(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE));
}
