import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ControllerExpandVolumeResponseSchema,
  ControllerGetCapabilitiesResponseSchema,
  ControllerGetVolumeHealthResponseSchema,
  ControllerGetVolumeResponseSchema,
  ControllerListVolumeHealthResponseSchema,
  ControllerModifyVolumeResponseSchema,
  ControllerPublishVolumeResponseSchema,
  ControllerUnpublishVolumeResponseSchema,
  CreateSnapshotResponseSchema,
  CreateVolumeGroupSnapshotResponseSchema,
  CreateVolumeResponseSchema,
  DeleteSnapshotResponseSchema,
  DeleteVolumeGroupSnapshotResponseSchema,
  DeleteVolumeResponseSchema,
  GetCapacityResponseSchema,
  GetMetadataAllocatedResponseSchema,
  GetMetadataDeltaResponseSchema,
  GetPluginCapabilitiesResponseSchema,
  GetPluginInfoResponseSchema,
  GetSnapshotResponseSchema,
  GetVolumeGroupSnapshotResponseSchema,
  GroupControllerGetCapabilitiesResponseSchema,
  ListSnapshotsResponseSchema,
  ListVolumesResponseSchema,
  NodeExpandVolumeResponseSchema,
  NodeGetCapabilitiesResponseSchema,
  NodeGetInfoResponseSchema,
  NodeGetStorageHealthResponseSchema,
  NodeGetVolumeHealthResponseSchema,
  NodeGetVolumeStatsResponseSchema,
  NodePublishVolumeResponseSchema,
  NodeStageVolumeResponseSchema,
  NodeUnpublishVolumeResponseSchema,
  NodeUnstageVolumeResponseSchema,
  ProbeResponseSchema,
  ValidateVolumeCapabilitiesResponseSchema,
} from "./gen/v1_pb.ts";

/** What `Identity.getPluginInfo` returns. */
export type GetPluginInfoResult = MessageInitShape<typeof GetPluginInfoResponseSchema>;

/** What `Identity.getPluginCapabilities` returns. */
export type GetPluginCapabilitiesResult = MessageInitShape<typeof GetPluginCapabilitiesResponseSchema>;

/** What `Identity.probe` returns. */
export type ProbeResult = MessageInitShape<typeof ProbeResponseSchema>;

/** What `Controller.createVolume` returns. */
export type CreateVolumeResult = MessageInitShape<typeof CreateVolumeResponseSchema>;

/** What `Controller.deleteVolume` returns. */
export type DeleteVolumeResult = MessageInitShape<typeof DeleteVolumeResponseSchema>;

/** What `Controller.controllerPublishVolume` returns. */
export type ControllerPublishVolumeResult = MessageInitShape<typeof ControllerPublishVolumeResponseSchema>;

/** What `Controller.controllerUnpublishVolume` returns. */
export type ControllerUnpublishVolumeResult = MessageInitShape<typeof ControllerUnpublishVolumeResponseSchema>;

/** What `Controller.validateVolumeCapabilities` returns. */
export type ValidateVolumeCapabilitiesResult = MessageInitShape<typeof ValidateVolumeCapabilitiesResponseSchema>;

/** What `Controller.listVolumes` returns. */
export type ListVolumesResult = MessageInitShape<typeof ListVolumesResponseSchema>;

/** What `Controller.controllerListVolumeHealth` returns. */
export type ControllerListVolumeHealthResult = MessageInitShape<typeof ControllerListVolumeHealthResponseSchema>;

/** What `Controller.controllerGetVolumeHealth` returns. */
export type ControllerGetVolumeHealthResult = MessageInitShape<typeof ControllerGetVolumeHealthResponseSchema>;

/** What `Controller.getCapacity` returns. */
export type GetCapacityResult = MessageInitShape<typeof GetCapacityResponseSchema>;

/** What `Controller.controllerGetCapabilities` returns. */
export type ControllerGetCapabilitiesResult = MessageInitShape<typeof ControllerGetCapabilitiesResponseSchema>;

/** What `Controller.createSnapshot` returns. */
export type CreateSnapshotResult = MessageInitShape<typeof CreateSnapshotResponseSchema>;

/** What `Controller.deleteSnapshot` returns. */
export type DeleteSnapshotResult = MessageInitShape<typeof DeleteSnapshotResponseSchema>;

/** What `Controller.listSnapshots` returns. */
export type ListSnapshotsResult = MessageInitShape<typeof ListSnapshotsResponseSchema>;

/** What `Controller.getSnapshot` returns. */
export type GetSnapshotResult = MessageInitShape<typeof GetSnapshotResponseSchema>;

/** What `Controller.controllerExpandVolume` returns. */
export type ControllerExpandVolumeResult = MessageInitShape<typeof ControllerExpandVolumeResponseSchema>;

/** What `Controller.controllerGetVolume` returns. */
export type ControllerGetVolumeResult = MessageInitShape<typeof ControllerGetVolumeResponseSchema>;

/** What `Controller.controllerModifyVolume` returns. */
export type ControllerModifyVolumeResult = MessageInitShape<typeof ControllerModifyVolumeResponseSchema>;

/** What `GroupController.groupControllerGetCapabilities` returns. */
export type GroupControllerGetCapabilitiesResult = MessageInitShape<
  typeof GroupControllerGetCapabilitiesResponseSchema
>;

/** What `GroupController.createVolumeGroupSnapshot` returns. */
export type CreateVolumeGroupSnapshotResult = MessageInitShape<typeof CreateVolumeGroupSnapshotResponseSchema>;

/** What `GroupController.deleteVolumeGroupSnapshot` returns. */
export type DeleteVolumeGroupSnapshotResult = MessageInitShape<typeof DeleteVolumeGroupSnapshotResponseSchema>;

/** What `GroupController.getVolumeGroupSnapshot` returns. */
export type GetVolumeGroupSnapshotResult = MessageInitShape<typeof GetVolumeGroupSnapshotResponseSchema>;

/** What `SnapshotMetadata.getMetadataAllocated` yields. */
export type GetMetadataAllocatedResult = MessageInitShape<typeof GetMetadataAllocatedResponseSchema>;

/** What `SnapshotMetadata.getMetadataDelta` yields. */
export type GetMetadataDeltaResult = MessageInitShape<typeof GetMetadataDeltaResponseSchema>;

/** What `Node.nodeStageVolume` returns. */
export type NodeStageVolumeResult = MessageInitShape<typeof NodeStageVolumeResponseSchema>;

/** What `Node.nodeUnstageVolume` returns. */
export type NodeUnstageVolumeResult = MessageInitShape<typeof NodeUnstageVolumeResponseSchema>;

/** What `Node.nodePublishVolume` returns. */
export type NodePublishVolumeResult = MessageInitShape<typeof NodePublishVolumeResponseSchema>;

/** What `Node.nodeUnpublishVolume` returns. */
export type NodeUnpublishVolumeResult = MessageInitShape<typeof NodeUnpublishVolumeResponseSchema>;

/** What `Node.nodeGetVolumeStats` returns. */
export type NodeGetVolumeStatsResult = MessageInitShape<typeof NodeGetVolumeStatsResponseSchema>;

/** What `Node.nodeGetVolumeHealth` returns. */
export type NodeGetVolumeHealthResult = MessageInitShape<typeof NodeGetVolumeHealthResponseSchema>;

/** What `Node.nodeGetStorageHealth` returns. */
export type NodeGetStorageHealthResult = MessageInitShape<typeof NodeGetStorageHealthResponseSchema>;

/** What `Node.nodeExpandVolume` returns. */
export type NodeExpandVolumeResult = MessageInitShape<typeof NodeExpandVolumeResponseSchema>;

/** What `Node.nodeGetCapabilities` returns. */
export type NodeGetCapabilitiesResult = MessageInitShape<typeof NodeGetCapabilitiesResponseSchema>;

/** What `Node.nodeGetInfo` returns. */
export type NodeGetInfoResult = MessageInitShape<typeof NodeGetInfoResponseSchema>;
