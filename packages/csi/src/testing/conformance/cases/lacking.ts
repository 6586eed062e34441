import type { Capability } from "../../read-capabilities.ts";
import type { ConformanceCase } from "../case.ts";
import { refused } from "../failure.ts";
import type { Scope } from "../scope.ts";

const volumeId = "kx-volume";
const path = "/run/kx-folder";
type Lacking = readonly [
  name: string,
  rpc: string,
  field: string,
  need: Capability,
  call: (scope: Scope) => Promise<unknown>,
];

// Each request has all that its call requires, but for one field.
const requests: readonly Lacking[] = [
  [
    "create-name",
    "CreateVolume",
    "name",
    "controller CREATE_DELETE_VOLUME",
    ({ calls, volumeRequest }) => calls.controller.createVolume(volumeRequest({ name: "" })),
  ],
  [
    "create-capabilities",
    "CreateVolume",
    "volume_capabilities",
    "controller CREATE_DELETE_VOLUME",
    ({ calls, volumeRequest }) => calls.controller.createVolume(volumeRequest({ volumeCapabilities: [] })),
  ],
  [
    "create-access-type",
    "CreateVolume",
    "access_type",
    "controller CREATE_DELETE_VOLUME",
    ({ calls, volumeRequest, capability }) =>
      calls.controller.createVolume(
        volumeRequest({ volumeCapabilities: [{ accessMode: { mode: capability().accessMode?.mode ?? 0 } }] }),
      ),
  ],
  [
    "create-access-mode",
    "CreateVolume",
    "access_mode",
    "controller CREATE_DELETE_VOLUME",
    ({ calls, volumeRequest, capability }) =>
      calls.controller.createVolume(volumeRequest({ volumeCapabilities: [{ accessType: capability().accessType }] })),
  ],
  [
    "delete-id",
    "DeleteVolume",
    "volume_id",
    "controller CREATE_DELETE_VOLUME",
    ({ calls }) => calls.controller.deleteVolume({}),
  ],
  [
    "validate-id",
    "ValidateVolumeCapabilities",
    "volume_id",
    "controller CREATE_DELETE_VOLUME",
    ({ calls, capability }) => calls.controller.validateVolumeCapabilities({ volumeCapabilities: [capability()] }),
  ],
  [
    "validate-capabilities",
    "ValidateVolumeCapabilities",
    "volume_capabilities",
    "controller CREATE_DELETE_VOLUME",
    async ({ calls, volume }) => calls.controller.validateVolumeCapabilities({ volumeId: (await volume()).volumeId }),
  ],
  [
    "attach-id",
    "ControllerPublishVolume",
    "volume_id",
    "controller PUBLISH_UNPUBLISH_VOLUME",
    ({ calls, capability }) =>
      calls.controller.controllerPublishVolume({ nodeId: "kx-node", volumeCapability: capability() }),
  ],
  [
    "attach-node",
    "ControllerPublishVolume",
    "node_id",
    "controller PUBLISH_UNPUBLISH_VOLUME",
    ({ calls, capability }) => calls.controller.controllerPublishVolume({ volumeId, volumeCapability: capability() }),
  ],
  [
    "attach-capability",
    "ControllerPublishVolume",
    "volume_capability",
    "controller PUBLISH_UNPUBLISH_VOLUME",
    ({ calls }) => calls.controller.controllerPublishVolume({ volumeId, nodeId: "kx-node" }),
  ],
  [
    "detach-id",
    "ControllerUnpublishVolume",
    "volume_id",
    "controller PUBLISH_UNPUBLISH_VOLUME",
    ({ calls }) => calls.controller.controllerUnpublishVolume({ nodeId: "kx-node" }),
  ],
  [
    "snapshot-name",
    "CreateSnapshot",
    "name",
    "controller CREATE_DELETE_SNAPSHOT",
    ({ calls }) => calls.controller.createSnapshot({ sourceVolumeId: volumeId }),
  ],
  [
    "snapshot-source",
    "CreateSnapshot",
    "source_volume_id",
    "controller CREATE_DELETE_SNAPSHOT",
    ({ calls, name }) => calls.controller.createSnapshot({ name: name() }),
  ],
  [
    "delete-snapshot-id",
    "DeleteSnapshot",
    "snapshot_id",
    "controller CREATE_DELETE_SNAPSHOT",
    ({ calls }) => calls.controller.deleteSnapshot({}),
  ],
  [
    "get-snapshot-id",
    "GetSnapshot",
    "snapshot_id",
    "controller GET_SNAPSHOT",
    ({ calls }) => calls.controller.getSnapshot({}),
  ],
  [
    "expand-id",
    "ControllerExpandVolume",
    "volume_id",
    "controller EXPAND_VOLUME",
    ({ calls }) => calls.controller.controllerExpandVolume({ capacityRange: { requiredBytes: 1n } }),
  ],
  [
    "expand-range",
    "ControllerExpandVolume",
    "capacity_range",
    "controller EXPAND_VOLUME",
    async ({ calls, volume }) => calls.controller.controllerExpandVolume({ volumeId: (await volume()).volumeId }),
  ],
  [
    "modify-id",
    "ControllerModifyVolume",
    "volume_id",
    "controller MODIFY_VOLUME",
    ({ calls }) => calls.controller.controllerModifyVolume({ mutableParameters: { kx: "1" } }),
  ],
  [
    "get-id",
    "ControllerGetVolume",
    "volume_id",
    "controller GET_VOLUME",
    ({ calls }) => calls.controller.controllerGetVolume({}),
  ],
  [
    "group-name",
    "CreateVolumeGroupSnapshot",
    "name",
    "group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT",
    ({ calls }) => calls.groupController.createVolumeGroupSnapshot({ sourceVolumeIds: [volumeId] }),
  ],
  [
    "group-sources",
    "CreateVolumeGroupSnapshot",
    "source_volume_ids",
    "group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT",
    ({ calls, name }) => calls.groupController.createVolumeGroupSnapshot({ name: name() }),
  ],
  [
    "group-get-id",
    "GetVolumeGroupSnapshot",
    "group_snapshot_id",
    "group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT",
    ({ calls }) => calls.groupController.getVolumeGroupSnapshot({}),
  ],
  [
    "group-delete-id",
    "DeleteVolumeGroupSnapshot",
    "group_snapshot_id",
    "group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT",
    ({ calls }) => calls.groupController.deleteVolumeGroupSnapshot({}),
  ],
  [
    "stage-id",
    "NodeStageVolume",
    "volume_id",
    "node STAGE_UNSTAGE_VOLUME",
    ({ calls, capability }) => calls.node.nodeStageVolume({ stagingTargetPath: path, volumeCapability: capability() }),
  ],
  [
    "stage-path",
    "NodeStageVolume",
    "staging_target_path",
    "node STAGE_UNSTAGE_VOLUME",
    ({ calls, capability }) => calls.node.nodeStageVolume({ volumeId, volumeCapability: capability() }),
  ],
  [
    "stage-capability",
    "NodeStageVolume",
    "volume_capability",
    "node STAGE_UNSTAGE_VOLUME",
    ({ calls }) => calls.node.nodeStageVolume({ volumeId, stagingTargetPath: path }),
  ],
  [
    "unstage-id",
    "NodeUnstageVolume",
    "volume_id",
    "node STAGE_UNSTAGE_VOLUME",
    ({ calls }) => calls.node.nodeUnstageVolume({ stagingTargetPath: path }),
  ],
  [
    "unstage-path",
    "NodeUnstageVolume",
    "staging_target_path",
    "node STAGE_UNSTAGE_VOLUME",
    ({ calls }) => calls.node.nodeUnstageVolume({ volumeId }),
  ],
  [
    "publish-id",
    "NodePublishVolume",
    "volume_id",
    "node",
    ({ calls, capability }) =>
      calls.node.nodePublishVolume({ targetPath: path, stagingTargetPath: path, volumeCapability: capability() }),
  ],
  [
    "publish-path",
    "NodePublishVolume",
    "target_path",
    "node",
    ({ calls, capability }) =>
      calls.node.nodePublishVolume({ volumeId, stagingTargetPath: path, volumeCapability: capability() }),
  ],
  [
    "publish-capability",
    "NodePublishVolume",
    "volume_capability",
    "node",
    ({ calls }) => calls.node.nodePublishVolume({ volumeId, stagingTargetPath: path, targetPath: path }),
  ],
  [
    "unpublish-id",
    "NodeUnpublishVolume",
    "volume_id",
    "node",
    ({ calls }) => calls.node.nodeUnpublishVolume({ targetPath: path }),
  ],
  [
    "unpublish-path",
    "NodeUnpublishVolume",
    "target_path",
    "node",
    ({ calls }) => calls.node.nodeUnpublishVolume({ volumeId }),
  ],
  [
    "stats-id",
    "NodeGetVolumeStats",
    "volume_id",
    "node GET_VOLUME_STATS",
    ({ calls }) => calls.node.nodeGetVolumeStats({ volumePath: path }),
  ],
  [
    "stats-path",
    "NodeGetVolumeStats",
    "volume_path",
    "node GET_VOLUME_STATS",
    ({ calls }) => calls.node.nodeGetVolumeStats({ volumeId }),
  ],
  [
    "node-expand-id",
    "NodeExpandVolume",
    "volume_id",
    "node EXPAND_VOLUME",
    ({ calls }) => calls.node.nodeExpandVolume({ volumePath: path }),
  ],
  [
    "node-expand-path",
    "NodeExpandVolume",
    "volume_path",
    "node EXPAND_VOLUME",
    ({ calls }) => calls.node.nodeExpandVolume({ volumeId }),
  ],
];

/** D3: a request that lacks a required field is INVALID_ARGUMENT, with a message that says why. */
export const lackingCases: readonly ConformanceCase[] = [
  {
    id: "D3.message",
    title: "a call that fails says why",
    needs: ["controller CREATE_DELETE_VOLUME"],
    run: async ({ calls }) => void (await refused(calls.controller.createVolume({}), [], "CreateVolume of nothing")),
  },
  ...requests.map(
    ([name, rpc, field, need, call]): ConformanceCase => ({
      id: `D3.${name}`,
      title: `${rpc} without ${field} is refused`,
      needs: name === "expand-range" ? [need, "controller CREATE_DELETE_VOLUME"] : [need],
      run: async (scope) => void (await refused(call(scope), ["INVALID_ARGUMENT"], `${rpc} without ${field}`)),
    }),
  ),
];
