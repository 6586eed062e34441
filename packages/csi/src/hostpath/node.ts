import type { VolumeCapability } from "@kx/core/contracts/csi";
import { UsageUnit } from "@kx/core/contracts/csi";
import { csiError } from "../driver/csi-error.ts";
import type { NodeHandlers } from "../driver/csi-handlers.ts";
import { deviceSize, formatDevice, growFileSystem, probeDevice } from "../mount/devices.ts";
import { attachLoop, detachLoops, detachWhenUnmounted, findLoops, refreshLoops } from "../mount/loop-devices.ts";
import type { Environment } from "./environment.ts";
import { publishEphemeral, removeEphemeral } from "./ephemeral.ts";
import type { Found } from "./folders.ts";
import { imageFileSystem } from "./parameters.ts";
import { giveToGroup } from "./volume-group.ts";

type OwnHandlers = Required<
  Pick<
    NodeHandlers,
    | "nodeStageVolume"
    | "nodeUnstageVolume"
    | "nodePublishVolume"
    | "nodeUnpublishVolume"
    | "nodeGetVolumeStats"
    | "nodeExpandVolume"
    | "nodeGetInfo"
  >
>;

/** Volumes on the node: folders are bound, images get a loop device, which is mounted or bound. */
export function nodeHandlers(env: Environment): OwnHandlers {
  const { mounter, options, topology } = env;
  return {
    async nodeStageVolume({ volumeId, stagingTargetPath: target, volumeCapability, publishContext }) {
      const found = await findVolume(env, volumeId);
      const { isBlock, fsType, mountFlags, group } = readCapability(volumeCapability);
      const readOnly = isAttachedReadOnly(publishContext);
      if (found.kind === "folder") {
        if (isBlock) throw csiError("INVALID_ARGUMENT", `the volume ${volumeId} is a folder, and no block device`);
        await mounter.bind({ volumeId, source: found.path, target, kind: "folder" });
      } else {
        const device = await attachLoop(found.path, { readOnly });
        // A block device is bound for each workload alone.
        if (isBlock) return;
        const type = imageFileSystem(fsType);
        if (!readOnly) await formatDevice(mounter, { volumeId, device, fsType: type });
        if ((await mounter.mountAt(target)) === undefined) {
          if (!readOnly && type === "ext4") await growFileSystem(mounter, { volumeId, device });
          await mounter.mountDevice({ volumeId, device, target, fsType: type, readOnly, options: mountFlags });
          await detachWhenUnmounted(device);
        }
        if (!readOnly && type !== "ext4") await growFileSystem(mounter, { volumeId, device }, target);
      }
      if (group !== "" && !readOnly) await giveToGroup(mounter, { volumeId, target }, group);
    },

    async nodeUnstageVolume({ volumeId, stagingTargetPath: target }) {
      await mounter.unmount({ volumeId, target });
      const found = env.folders.find("volumes", volumeId);
      if (found?.kind === "image") await detachLoops(found.path);
    },

    async nodePublishVolume({
      volumeId,
      targetPath: target,
      stagingTargetPath,
      volumeContext,
      publishContext,
      ...rest
    }) {
      const { isBlock, mountFlags, group } = readCapability(rest.volumeCapability);
      const readOnly = rest.readonly || isAttachedReadOnly(publishContext);
      const isEphemeral = volumeContext["csi.storage.k8s.io/ephemeral"] === "true";
      if (isEphemeral) {
        if (isBlock) throw csiError("INVALID_ARGUMENT", "an inline volume is mounted, it cannot be a block device");
        await publishEphemeral(env, { volumeId, target, readOnly, options: mountFlags, attributes: volumeContext });
        if (group !== "" && !readOnly) await giveToGroup(mounter, { volumeId, target }, group);
        return;
      }
      const found = await findVolume(env, volumeId);
      if (isBlock) {
        if (found.kind === "folder")
          throw csiError("INVALID_ARGUMENT", `the volume ${volumeId} is a folder, and no block device`);
        const loops = await findLoops(found.path);
        if (loops.length === 0) throw notStaged(volumeId, stagingTargetPath);
        // A mount cannot make a device read-only, but another loop device is.
        const source = await attachLoop(found.path, { readOnly });
        return mounter.bind({ volumeId, source, target, kind: "file", readOnly });
      }
      if ((await mounter.mountAt(stagingTargetPath)) === undefined) throw notStaged(volumeId, stagingTargetPath);
      await mounter.bind({
        volumeId,
        source: stagingTargetPath,
        target,
        kind: "folder",
        readOnly,
        options: mountFlags,
      });
    },

    async nodeUnpublishVolume({ volumeId, targetPath: target }) {
      await mounter.unmountAndRemove({ volumeId, target });
      await removeEphemeral(env, volumeId);
    },

    async nodeGetVolumeStats({ volumeId, volumePath }) {
      if ((await mounter.mountAt(volumePath)) === undefined) {
        throw csiError("NOT_FOUND", `the volume ${JSON.stringify(volumeId)} is not published at ${volumePath}`);
      }
      const { kind } = await mounter.stat(volumeId, volumePath);
      if (kind === "block") {
        const found = await findVolume(env, volumeId);
        return { usage: [{ unit: UsageUnit.BYTES, total: found.sizeBytes }] };
      }
      const { totalBytes, availableBytes, freeBytes, totalInodes, freeInodes } = await mounter.statfs(
        volumeId,
        volumePath,
      );
      return {
        usage: [
          { unit: UsageUnit.BYTES, total: totalBytes, available: availableBytes, used: totalBytes - freeBytes },
          { unit: UsageUnit.INODES, total: totalInodes, available: freeInodes, used: totalInodes - freeInodes },
        ],
      };
    },

    async nodeExpandVolume({ volumeId, volumePath, stagingTargetPath, capacityRange }) {
      const found = await findVolume(env, volumeId);
      const path = stagingTargetPath === "" ? volumePath : stagingTargetPath;
      if ((await mounter.mountAt(volumePath)) === undefined && (await mounter.mountAt(path)) === undefined) {
        throw csiError("NOT_FOUND", `the volume ${JSON.stringify(volumeId)} is not at ${volumePath}`);
      }
      if (found.kind === "folder") return { capacityBytes: capacityRange?.requiredBytes ?? 0n };
      await refreshLoops(found.path);
      const device = (await findLoops(found.path)).find(({ readOnly }) => !readOnly)?.device;
      if (device === undefined) throw notStaged(volumeId, path);
      const { kind } = await mounter.stat(volumeId, volumePath);
      if (kind === "folder" && (await probeDevice(mounter, { volumeId, device })).kind === "filesystem") {
        await growFileSystem(mounter, { volumeId, device }, volumePath);
      }
      return { capacityBytes: await deviceSize(device) };
    },

    nodeGetInfo: () => {
      const maxVolumesPerNode = BigInt(options.maxVolumesPerNode ?? 0);
      return Promise.resolve({ nodeId: options.nodeId, maxVolumesPerNode, accessibleTopology: topology });
    },
  };
}

async function findVolume({ folders }: Environment, volumeId: string): Promise<Found> {
  const found = folders.find("volumes", volumeId);
  if (found !== undefined) return found;
  const other = folders.find("ephemeral", volumeId);
  if (other !== undefined) return other;
  throw csiError("NOT_FOUND", `there is no volume ${JSON.stringify(volumeId)} on this node`);
}

function readCapability(capability: VolumeCapability | undefined) {
  const access = capability?.accessType;
  if (access?.case !== "mount") return { isBlock: access?.case === "block", fsType: "", mountFlags: [], group: "" };
  const { fsType, mountFlags, volumeMountGroup } = access.value;
  return { isBlock: false, fsType, mountFlags, group: volumeMountGroup };
}

/** Told by ControllerPublishVolume. */
function isAttachedReadOnly(context: Readonly<Record<string, string>>): boolean {
  return context["readonly"] === "true";
}

function notStaged(volumeId: string, path: string) {
  return csiError("IN_USE", `the volume ${JSON.stringify(volumeId)} is not staged at ${path}`, {
    remedy: "call NodeStageVolume first",
  });
}
