import { access, mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CsiDriver, csiError, defineCsiDriver, fileState } from "@kx/csi";
import { attachLoop, createMounter, detachLoops, formatDevice, runProgram } from "@kx/csi/mount";

/** The driver's name in test clusters. */
export const diskDriverName = "disk.csi.kx.dev";

/** What a process of the driver is given. */
export interface SharedDiskOptions {
  /** Folder of the disks, where they are made and attached. */
  readonly disks: string;
  /** Of the node where this process is, if it is on one. */
  readonly nodeId?: string;
  /** Told of each call that attaches or detaches, once it is done. */
  readonly onAttach?: (what: "attached" | "detached", volumeId: string, nodeId: string) => void;
}

/**
 * A driver of disks that any node can have, one at a time, as clouds have them: files of this machine, which as loop devices are
 * seen in all of its nodes. Whoever attaches is not on a node.
 */
export function sharedDisk({ disks, nodeId = "", onAttach }: SharedDiskOptions): CsiDriver {
  const mounter = createMounter();
  const nodes = new Map<string, string>();
  const pathOf = (volumeId: string) => join(disks, "disks", volumeId);
  return defineCsiDriver({
    name: diskDriverName,
    state: fileState(join(disks, "state"), { durability: "rename" }),
    async createVolume({ capacityRange }, { fingerprint }) {
      const [volumeId, capacityBytes] = [fingerprint.slice(0, 32), capacityRange?.requiredBytes ?? 0n];
      await mkdir(join(disks, "disks"), { recursive: true });
      await writeFile(pathOf(volumeId), "", { flag: "a" });
      await truncate(pathOf(volumeId), Number(capacityBytes));
      return { volume: { volumeId, capacityBytes } };
    },
    deleteVolume: ({ volumeId }) => rm(pathOf(volumeId), { force: true }),
    async controllerPublishVolume({ volumeId, nodeId: node }) {
      await access(pathOf(volumeId)).catch(() => Promise.reject(csiError("NOT_FOUND", `there is no disk ${volumeId}`)));
      const device = await attachLoop(pathOf(volumeId));
      nodes.set(volumeId, node);
      onAttach?.("attached", volumeId, node);
      return { publishContext: { device } };
    },
    async controllerUnpublishVolume({ volumeId, nodeId: node }) {
      if (nodes.get(volumeId) !== node) return;
      await detachLoops(pathOf(volumeId));
      nodes.delete(volumeId);
      onAttach?.("detached", volumeId, node);
    },
    async nodeStageVolume({ volumeId, stagingTargetPath: target, publishContext: { device = "" } }) {
      // A node in namespaces has the files of the first few devices alone.
      await runProgram("mknod", [device, "b", "7", device.replace("/dev/loop", "")], { success: [1] });
      await formatDevice(mounter, { volumeId, device, fsType: "ext4" });
      await mounter.mountDevice({ volumeId, device, target, fsType: "ext4" });
    },
    nodeUnstageVolume: ({ volumeId, stagingTargetPath: target }) => mounter.unmount({ volumeId, target }),
    nodePublishVolume: ({ volumeId, stagingTargetPath: source, targetPath: target, readonly: readOnly }) =>
      mounter.bind({ volumeId, source, target, kind: "folder", readOnly }),
    nodeUnpublishVolume: ({ volumeId, targetPath: target }) => mounter.unmountAndRemove({ volumeId, target }),
    nodeGetInfo: () => Promise.resolve({ nodeId }),
  });
}
