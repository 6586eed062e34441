import { constants, existsSync } from "node:fs";
import { copyFile, link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { linuxAddonPath } from "@kx/core/linux";
import { version } from "./version.ts";

/** A folder with all that runs on a node, and where nodes show it. It is laid out as an installation of CNI plug-ins too. */
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
  for (const name of ["node-agent.js", "bounded-child.js", "netlink-worker.js", "worker.js"]) {
    await place(ownFile(name), join(hostPath, name));
  }
  await placePlugins(hostPath);
  const addon = linuxAddonPath();
  if (addon !== undefined) await place(addon, join(hostPath, "koffi.node"));
  return { hostPath, nodePath: `/opt/kx/${version()}` };
}

/** What the names of CNI plug-ins lead to: the shim, and for when no daemon answers it the program that it runs beside it. */
async function placePlugins(hostPath: string): Promise<void> {
  // Without a compiler there is none.
  if (existsSync(ownFile("kx-cni-shim"))) await place(ownFile("kx-cni-shim"), join(hostPath, "kx-cni-shim"));
  await place(process.execPath, join(hostPath, "node"));
  // A file without extension is a module only below such a package.json; the first line is for those who execute it.
  await writeFile(join(hostPath, "package.json"), '{ "type": "module" }\n');
  const program = await readFile(ownFile("kx-cni.js"), "utf8");
  await writeFile(join(hostPath, "kx-cni"), `#!/opt/kx/${version()}/node\n${program}`, { mode: 0o755 });
}

function ownFile(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** A hard link costs nothing, but does not cross file systems. */
async function place(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE));
}
