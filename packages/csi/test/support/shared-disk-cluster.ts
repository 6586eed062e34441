import { createWriteStream } from "node:fs";
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { linuxAddonPath } from "@kx/core/linux";
import { runCsiDriver } from "@kx/csi";
import { detachLoops } from "@kx/csi/mount";
import { bundle } from "@kx/tooling/tsup";
import { build } from "tsup";
import { type CsiCluster, registered } from "./csi-cluster.ts";
import { diskDriverName, sharedDisk } from "./shared-disk.ts";

/** The driver of shared disks in a cluster. */
export interface SharedDisks extends AsyncDisposable {
  /** What was attached and detached, in order: `detached 1234 node-2`. */
  readonly calls: readonly string[];
  /** Where this process has the disks. */
  readonly folder: string;
}

const kubeletFolder = "kx-disk";

/** Runs the driver's controller with all it needs in this process, as one beside the control plane, and its node part on each node. */
export async function runSharedDisks(csi: CsiCluster): Promise<SharedDisks> {
  const folder = join(csi.dir, "..", "disks");
  const program = join(folder, "node");
  await bundleNodePart(program);
  const calls: string[] = [];
  const log = createWriteStream(join(folder, "controller.log"));
  const driver = sharedDisk({ disks: folder, onAttach: (...call) => void calls.push(call.join(" ")) });
  const objects = driver.manifests({ namespace: "kx-system", image: "" });
  // The account is the administrator's.
  await csi.apply(...objects.filter(({ kind }) => kind === "CSIDriver"));
  for (const node of csi.nodes) {
    const own = join(node.paths.kubelet, kubeletFolder);
    await mkdir(own);
    const files = ["shared-disk-node.js", "bounded-child.js", "netlink-worker.js", "package.json", "koffi.node"];
    for (const name of files) await copyFile(join(program, name), join(own, name));
    const command = (await node.exec("sh", ["-c", "echo /opt/kx/*/bin/node"])).stdout.trim();
    const inside = join("/var/lib/kubelet", kubeletFolder);
    await node.supervise({ name: "disk-node", command, args: [`${inside}/shared-disk-node.js`, node.name, inside] });
  }
  for (const { name } of csi.nodes) await registered(csi, name, diskDriverName, "disk-node");
  const running = await runCsiDriver(driver, {
    endpoint: `unix://${folder}/csi.sock`,
    mode: "controller",
    kubeconfig: csi.cluster.kubeconfig,
    signal: new AbortController().signal,
    io: { stderr: log },
  });
  await running.ready;
  return {
    calls,
    folder,
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      for (const disk of await readdir(join(folder, "disks")).catch(() => []))
        await detachLoops(join(folder, "disks", disk));
      log.end();
    },
  };
}

async function bundleNodePart(folder: string): Promise<void> {
  const { entry, ...options } = bundle({
    "shared-disk-node": join(import.meta.dirname, "../e2e/programs/shared-disk-node.ts"),
  });
  await mkdir(folder, { recursive: true });
  await build({
    ...options,
    entry: entry as Record<string, string>,
    config: false,
    sourcemap: false,
    clean: false,
    outDir: folder,
    external: ["@kubernetes/client-node"],
    noExternal: [/^(?!@kubernetes\/client-node)/],
  });
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  const addon = linuxAddonPath();
  if (addon !== undefined) await copyFile(addon, join(folder, "koffi.node"));
}
