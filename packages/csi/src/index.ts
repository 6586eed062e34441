// CSI drivers: how to define and run one.

export type {
  CapacityRange,
  ControllerExpandVolumeRequest,
  ControllerExpandVolumeResult,
  ControllerGetVolumeHealthRequest,
  ControllerGetVolumeHealthResult,
  ControllerGetVolumeRequest,
  ControllerGetVolumeResult,
  ControllerListVolumeHealthRequest,
  ControllerListVolumeHealthResult,
  ControllerModifyVolumeRequest,
  ControllerPublishVolumeRequest,
  ControllerPublishVolumeResult,
  ControllerUnpublishVolumeRequest,
  CreateSnapshotRequest,
  CreateSnapshotResult,
  CreateVolumeGroupSnapshotRequest,
  CreateVolumeGroupSnapshotResult,
  CreateVolumeRequest,
  CreateVolumeResult,
  DeleteSnapshotRequest,
  DeleteVolumeGroupSnapshotRequest,
  DeleteVolumeRequest,
  GetCapacityRequest,
  GetCapacityResult,
  GetMetadataAllocatedRequest,
  GetMetadataAllocatedResult,
  GetMetadataDeltaRequest,
  GetMetadataDeltaResult,
  GetSnapshotRequest,
  GetSnapshotResult,
  GetVolumeGroupSnapshotRequest,
  GetVolumeGroupSnapshotResult,
  ListSnapshotsEntry,
  ListSnapshotsRequest,
  ListSnapshotsResult,
  ListVolumesEntry,
  ListVolumesRequest,
  ListVolumesResult,
  NodeExpandVolumeRequest,
  NodeExpandVolumeResult,
  NodeGetInfoRequest,
  NodeGetInfoResult,
  NodeGetStorageHealthRequest,
  NodeGetStorageHealthResult,
  NodeGetVolumeHealthRequest,
  NodeGetVolumeHealthResult,
  NodeGetVolumeStatsRequest,
  NodeGetVolumeStatsResult,
  NodePublishVolumeRequest,
  NodeStageVolumeRequest,
  NodeUnpublishVolumeRequest,
  NodeUnstageVolumeRequest,
  ProbeResult,
  Snapshot,
  Topology,
  TopologyRequirement,
  ValidateVolumeCapabilitiesRequest,
  ValidateVolumeCapabilitiesResult,
  Volume,
  VolumeCapability,
  VolumeContentSource,
  VolumeGroupSnapshot,
  VolumeHealth,
  VolumeUsage,
} from "@kx/core/contracts/csi";
export {
  AccessMode,
  BlockMetadataType,
  StorageHealthErrorType,
  UsageUnit,
  VolumeHealthErrorType,
} from "@kx/core/contracts/csi";
export { type CsiMode } from "./driver/capabilities.ts";
export { fitsRange } from "./driver/compatible.ts";
export type { CsiContext, CsiInitContext } from "./driver/csi-context.ts";
export type { CsiDriver, CsiDriverDefinition, CsiDriverObject } from "./driver/csi-driver.ts";
export { type CsiFailure, csiError } from "./driver/csi-error.ts";
export type { CheckFeatures, CsiFeatures } from "./driver/csi-features.ts";
export type {
  ControllerHandlers,
  CsiHandlers,
  GroupControllerHandlers,
  NodeHandlers,
  SnapshotMetadataHandlers,
} from "./driver/csi-handlers.ts";
export type { CsiServices } from "./driver/csi-services.ts";
export { defineCsiDriver } from "./driver/define-csi-driver.ts";
export type { CsiPart, EmbedOptions } from "./driver/embed-options.ts";
export { type CsiIo, type RunCsiOptions, type RunningCsi, runCsiDriver } from "./driver/run-csi-driver.ts";
export type { RunningCsiDriver } from "./driver/start-csi-driver.ts";
export type {
  JsonRecord,
  JsonValue,
  StateKind,
  StoredAttachment,
  StoredObject,
  VolumeState,
} from "./driver/volume-state.ts";
export { csiErrors } from "./errors.ts";
export { type FileStateOptions, fileState } from "./state/index.ts";
