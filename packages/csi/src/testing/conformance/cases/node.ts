import { access } from "node:fs/promises";
import { join } from "node:path";
import { AccessMode } from "@kx/core/contracts/csi";
import type { ConformanceCase } from "../case.ts";
import { fail, refused, succeeded } from "../failure.ts";
import type { Scope } from "../scope.ts";

const needs = ["controller CREATE_DELETE_VOLUME", "node"] as const;
const stages = [...needs, "node STAGE_UNSTAGE_VOLUME"] as const;
const isMounting = true;

async function used(scope: Scope, mode?: AccessMode) {
  const capability = scope.capability(mode);
  const volume = await scope.volume({ volumeCapabilities: [capability] });
  const use = await scope.use(volume, { capability });
  const { stagingTargetPath, targetPath, publishContext } = use;
  const { volumeId, volumeContext } = volume;
  const stage = {
    volumeId,
    volumeContext,
    publishContext,
    stagingTargetPath,
    volumeCapability: capability,
    secrets: scope.secrets,
  };
  const publish = { ...stage, targetPath };
  return { use, volume, stage, publish };
}

/** D13: volumes come to workloads. */
export const nodeCases: readonly ConformanceCase[] = [
  {
    id: "D13.info",
    title: "NodeGetInfo tells a node_id of at most 256 bytes, and no negative limit",
    needs: ["node"],
    async run({ calls }) {
      const { nodeId, maxVolumesPerNode } = await succeeded(calls.node.nodeGetInfo({}), "NodeGetInfo");
      if (nodeId === "" || Buffer.byteLength(nodeId) > 256)
        fail(`the node_id ${JSON.stringify(nodeId)} is empty or too long`);
      if (maxVolumesPerNode < 0n) fail(`max_volumes_per_node is ${maxVolumesPerNode}`);
    },
  },
  {
    id: "D13.use",
    title: "a volume is brought to a workload and taken away, and nothing is left at its target",
    needs,
    isMounting,
    async run(scope) {
      const { use } = await used(scope);
      await access(use.targetPath).catch(() => fail(`nothing is at the target ${use.targetPath}`));
      await succeeded(use.end(), "taking the volume away");
      const isLeft = await access(use.targetPath).then(
        () => true,
        () => false,
      );
      if (isLeft) fail(`NodeUnpublishVolume has left the target ${use.targetPath}`);
    },
  },
  {
    id: "D13.again",
    title: "NodeStageVolume and NodePublishVolume with the same request succeed again",
    needs,
    isMounting,
    async run(scope) {
      const { stage, publish } = await used(scope);
      if (stage.stagingTargetPath !== "")
        await succeeded(scope.calls.node.nodeStageVolume(stage), "NodeStageVolume again");
      await succeeded(scope.calls.node.nodePublishVolume(publish), "NodePublishVolume again");
    },
  },
  {
    id: "D13.other-readonly",
    title: "NodePublishVolume at the same target, now read-only, is ALREADY_EXISTS",
    needs,
    isMounting,
    async run(scope) {
      const { publish } = await used(scope);
      const call = scope.calls.node.nodePublishVolume({ ...publish, readonly: true });
      await refused(call, ["ALREADY_EXISTS"], "NodePublishVolume read-only at a target that can be written to");
    },
  },
  {
    id: "D13.single-writer",
    title: "a second target of a volume for one workload is FAILED_PRECONDITION",
    needs: [...needs, "node SINGLE_NODE_MULTI_WRITER"],
    isMounting,
    async run(scope) {
      const { publish, use } = await used(scope, AccessMode.SINGLE_NODE_SINGLE_WRITER);
      const targetPath = join(use.targetPath, "..", "second");
      scope.after(() => scope.calls.node.nodeUnpublishVolume({ volumeId: publish.volumeId, targetPath }));
      const call = scope.calls.node.nodePublishVolume({ ...publish, targetPath });
      await refused(call, ["FAILED_PRECONDITION"], "NodePublishVolume at a second target");
    },
  },
  {
    id: "D13.multi-writer",
    title: "a volume for several workloads of a node is published at two targets",
    needs: [...needs, "node SINGLE_NODE_MULTI_WRITER"],
    isMounting,
    async run(scope) {
      const { publish, use } = await used(scope, AccessMode.SINGLE_NODE_MULTI_WRITER);
      const targetPath = join(use.targetPath, "..", "second");
      scope.after(() => scope.calls.node.nodeUnpublishVolume({ volumeId: publish.volumeId, targetPath }));
      await succeeded(
        scope.calls.node.nodePublishVolume({ ...publish, targetPath }),
        "NodePublishVolume at a second target",
      );
    },
  },
  {
    id: "D13.unstaged",
    title: "NodePublishVolume without a staging path, of a driver that stages, is FAILED_PRECONDITION",
    needs: stages,
    isMounting,
    async run({ calls, volume, capability, lab, name, secrets }) {
      const { volumeId, volumeContext } = await volume();
      const request = {
        volumeId,
        volumeContext,
        volumeCapability: capability(),
        targetPath: join(lab.folder, name()),
        secrets,
      };
      await refused(
        calls.node.nodePublishVolume(request),
        ["FAILED_PRECONDITION", "INVALID_ARGUMENT"],
        "NodePublishVolume",
      );
    },
  },
  {
    id: "D13.no-volume",
    title: "NodeStageVolume of a volume that is not there is NOT_FOUND",
    needs: stages,
    isMounting,
    async run({ calls, capability, lab, secrets }) {
      const request = {
        volumeId: "kx-never-was",
        stagingTargetPath: lab.folder,
        volumeCapability: capability(),
        secrets,
      };
      await refused(calls.node.nodeStageVolume(request), ["NOT_FOUND"], "NodeStageVolume of none");
    },
  },
  {
    id: "D13.unpublish-again",
    title: "NodeUnpublishVolume and NodeUnstageVolume of what is gone succeed",
    needs,
    isMounting,
    async run(scope) {
      const { stage, publish } = await used(scope);
      const { volumeId, targetPath, stagingTargetPath } = publish;
      const { node } = scope.calls;
      for (const when of ["", " again"]) {
        await succeeded(node.nodeUnpublishVolume({ volumeId, targetPath }), `NodeUnpublishVolume${when}`);
      }
      if (stage.stagingTargetPath === "") return;
      for (const when of ["", " again"]) {
        await succeeded(node.nodeUnstageVolume({ volumeId, stagingTargetPath }), `NodeUnstageVolume${when}`);
      }
    },
  },
  {
    id: "D13.delete",
    title: "DeleteVolume of a volume that a workload has is FAILED_PRECONDITION",
    needs,
    isMounting,
    async run(scope) {
      const { volume } = await used(scope);
      const call = scope.calls.controller.deleteVolume({ volumeId: volume.volumeId, secrets: scope.secrets });
      await refused(call, ["FAILED_PRECONDITION"], "DeleteVolume of a volume in use");
    },
  },
  {
    id: "D13.stats",
    title: "NodeGetVolumeStats tells what a volume uses, and NOT_FOUND of none",
    needs: [...needs, "node GET_VOLUME_STATS"],
    isMounting,
    async run(scope) {
      const { publish } = await used(scope);
      const { volumeId, targetPath: volumePath } = publish;
      const { usage } = await succeeded(
        scope.calls.node.nodeGetVolumeStats({ volumeId, volumePath }),
        "NodeGetVolumeStats",
      );
      if (usage.length === 0) fail("it tells no usage");
      const odd = usage.find(({ total, used: taken, available }) => total < 0n || taken < 0n || available < 0n);
      if (odd !== undefined) fail("it tells a usage below nothing");
      const none = scope.calls.node.nodeGetVolumeStats({ volumeId: "kx-never-was", volumePath });
      await refused(none, ["NOT_FOUND"], "NodeGetVolumeStats of none");
    },
  },
];
