import type {
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
  ListSnapshotsRequest,
  ListSnapshotsResult,
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
  ValidateVolumeCapabilitiesRequest,
  ValidateVolumeCapabilitiesResult,
} from "@kx/core/contracts/csi";
import type { MessageStream } from "@kx/core/grpc";
import type { CsiContext } from "./csi-context.ts";

/** Volumes and snapshots as the storage system sees them. */
export interface ControllerHandlers {
  /** Makes a volume. The kit calls it once at a time for a name, and not again for one that `state` knows. */
  createVolume?(request: CreateVolumeRequest, ctx: CsiContext): Promise<CreateVolumeResult>;
  /** Removes a volume, half-made ones too; what is gone already is no error. */
  deleteVolume?(request: DeleteVolumeRequest, ctx: CsiContext): Promise<void>;
  /** Makes a volume reachable from a node, as attaching a disk does. */
  controllerPublishVolume?(
    request: ControllerPublishVolumeRequest,
    ctx: CsiContext,
  ): Promise<ControllerPublishVolumeResult>;
  /** Undoes `controllerPublishVolume`, for one node or, if `nodeId` is empty, for all. */
  controllerUnpublishVolume?(request: ControllerUnpublishVolumeRequest, ctx: CsiContext): Promise<void>;
  /** Whether a volume can be used as asked. Absent: the kit answers from `state` and `features`. */
  validateVolumeCapabilities?(
    request: ValidateVolumeCapabilitiesRequest,
    ctx: CsiContext,
  ): Promise<ValidateVolumeCapabilitiesResult>;
  /** Volumes, all of them or a page: see `ListPage`. */
  listVolumes?(request: ListVolumesRequest, ctx: CsiContext): Promise<ListVolumesResult>;
  /** The health of volumes, all of them or a page: see `ListPage`. */
  controllerListVolumeHealth?(
    request: ControllerListVolumeHealthRequest,
    ctx: CsiContext,
  ): Promise<ControllerListVolumeHealthResult>;
  /** The health of one volume as the storage system sees it. */
  controllerGetVolumeHealth?(
    request: ControllerGetVolumeHealthRequest,
    ctx: CsiContext,
  ): Promise<ControllerGetVolumeHealthResult>;
  /** How much can still be provisioned. */
  getCapacity?(request: GetCapacityRequest, ctx: CsiContext): Promise<GetCapacityResult>;
  /** Takes a snapshot. Called again, with `ctx.stored`, as long as it is not ready to use and there is no `getSnapshot`. */
  createSnapshot?(request: CreateSnapshotRequest, ctx: CsiContext): Promise<CreateSnapshotResult>;
  /** Removes a snapshot, half-made ones too; what is gone already is no error. */
  deleteSnapshot?(request: DeleteSnapshotRequest, ctx: CsiContext): Promise<void>;
  /** Snapshots, all of them or a page: see `ListPage`. Filters are applied by the kit too. */
  listSnapshots?(request: ListSnapshotsRequest, ctx: CsiContext): Promise<ListSnapshotsResult>;
  /** One snapshot as it is now. */
  getSnapshot?(request: GetSnapshotRequest, ctx: CsiContext): Promise<GetSnapshotResult>;
  /** Grows a volume. Not called where it is large enough already, as far as `state` knows. */
  controllerExpandVolume?(
    request: ControllerExpandVolumeRequest,
    ctx: CsiContext,
  ): Promise<ControllerExpandVolumeResult>;
  /** One volume as it is now. */
  controllerGetVolume?(request: ControllerGetVolumeRequest, ctx: CsiContext): Promise<ControllerGetVolumeResult>;
  /** Changes what may change of an existing volume. */
  controllerModifyVolume?(request: ControllerModifyVolumeRequest, ctx: CsiContext): Promise<void>;
}

/** Snapshots of several volumes at one moment. */
export interface GroupControllerHandlers {
  /** Takes one snapshot of each volume, all at the same moment. */
  createVolumeGroupSnapshot?(
    request: CreateVolumeGroupSnapshotRequest,
    ctx: CsiContext,
  ): Promise<CreateVolumeGroupSnapshotResult>;
  /** Removes a group and its snapshots; what is gone already is no error. */
  deleteVolumeGroupSnapshot?(request: DeleteVolumeGroupSnapshotRequest, ctx: CsiContext): Promise<void>;
  /** One group as it is now. */
  getVolumeGroupSnapshot?(
    request: GetVolumeGroupSnapshotRequest,
    ctx: CsiContext,
  ): Promise<GetVolumeGroupSnapshotResult>;
}

/** Which blocks of snapshots hold data. */
export interface SnapshotMetadataHandlers {
  /** The allocated blocks of a snapshot. */
  getMetadataAllocated?(
    request: GetMetadataAllocatedRequest,
    ctx: CsiContext,
  ): MessageStream<GetMetadataAllocatedResult>;
  /** The blocks in which two snapshots of one volume differ. */
  getMetadataDelta?(request: GetMetadataDeltaRequest, ctx: CsiContext): MessageStream<GetMetadataDeltaResult>;
}

/** Volumes on the node that uses them. */
export interface NodeHandlers {
  /** Prepares a volume once for the node: formats it, mounts it at the staging path. */
  nodeStageVolume?(request: NodeStageVolumeRequest, ctx: CsiContext): Promise<void>;
  /** Undoes `nodeStageVolume`; what is gone already is no error. */
  nodeUnstageVolume?(request: NodeUnstageVolumeRequest, ctx: CsiContext): Promise<void>;
  /** Makes a volume appear at a target path. Called again for the same path only if nothing is mounted there any more, or with `csiDriver.requiresRepublish`. */
  nodePublishVolume?(request: NodePublishVolumeRequest, ctx: CsiContext): Promise<void>;
  /** Undoes `nodePublishVolume` and removes the path; what is gone already is no error. */
  nodeUnpublishVolume?(request: NodeUnpublishVolumeRequest, ctx: CsiContext): Promise<void>;
  /** How full a volume is. */
  nodeGetVolumeStats?(request: NodeGetVolumeStatsRequest, ctx: CsiContext): Promise<NodeGetVolumeStatsResult>;
  /** The health of one volume as this node sees it. */
  nodeGetVolumeHealth?(request: NodeGetVolumeHealthRequest, ctx: CsiContext): Promise<NodeGetVolumeHealthResult>;
  /** The health of the storage system as this node reaches it. */
  nodeGetStorageHealth?(request: NodeGetStorageHealthRequest, ctx: CsiContext): Promise<NodeGetStorageHealthResult>;
  /** Grows on the node what `controllerExpandVolume` grew in the storage system. */
  nodeExpandVolume?(request: NodeExpandVolumeRequest, ctx: CsiContext): Promise<NodeExpandVolumeResult>;
  /** The id of this node, its place, and how many volumes it can have. */
  nodeGetInfo?(request: NodeGetInfoRequest, ctx: CsiContext): Promise<NodeGetInfoResult>;
}

/** The handlers of all services; an absent one answers UNIMPLEMENTED, and the capabilities say so. */
export interface CsiHandlers
  extends ControllerHandlers,
    GroupControllerHandlers,
    SnapshotMetadataHandlers,
    NodeHandlers {}
