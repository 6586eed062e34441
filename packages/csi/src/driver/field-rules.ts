/**
 * What csi.proto says of fields in its comments alone, by message: those that are REQUIRED. Left out are flags and numbers,
 * whose zero is a value, and `snapshot_ids` of groups, which the specification's own tests leave out.
 */
export const requiredFields: Readonly<Record<string, readonly string[]>> = {
  "csi.v1.CreateVolumeRequest": ["name", "volume_capabilities"],
  "csi.v1.VolumeContentSource": ["type"],
  "csi.v1.VolumeContentSource.SnapshotSource": ["snapshot_id"],
  "csi.v1.VolumeContentSource.VolumeSource": ["volume_id"],
  "csi.v1.CreateVolumeResponse": ["volume"],
  "csi.v1.VolumeCapability": ["access_type", "access_mode"],
  "csi.v1.VolumeCapability.AccessMode": ["mode"],
  "csi.v1.Volume": ["volume_id"],
  "csi.v1.DeleteVolumeRequest": ["volume_id"],
  "csi.v1.ControllerPublishVolumeRequest": ["volume_id", "node_id", "volume_capability"],
  "csi.v1.ControllerUnpublishVolumeRequest": ["volume_id"],
  "csi.v1.ValidateVolumeCapabilitiesRequest": ["volume_id", "volume_capabilities"],
  "csi.v1.ValidateVolumeCapabilitiesResponse.Confirmed": ["volume_capabilities"],
  "csi.v1.ListVolumesResponse.Entry": ["volume"],
  "csi.v1.VolumeHealth": ["volume_id"],
  "csi.v1.VolumeHealth.VolumeHealthEntry": ["status", "reason"],
  "csi.v1.ControllerGetVolumeHealthRequest": ["volume_id"],
  "csi.v1.ControllerGetVolumeHealthResponse": ["volume_health"],
  "csi.v1.ControllerGetVolumeRequest": ["volume_id"],
  "csi.v1.ControllerGetVolumeResponse": ["volume", "status"],
  "csi.v1.ControllerModifyVolumeRequest": ["volume_id", "mutable_parameters"],
  "csi.v1.CreateSnapshotRequest": ["source_volume_id", "name"],
  "csi.v1.CreateSnapshotResponse": ["snapshot"],
  "csi.v1.Snapshot": ["snapshot_id", "source_volume_id", "creation_time"],
  "csi.v1.DeleteSnapshotRequest": ["snapshot_id"],
  "csi.v1.GetSnapshotRequest": ["snapshot_id"],
  "csi.v1.GetSnapshotResponse": ["snapshot"],
  "csi.v1.ListSnapshotsResponse.Entry": ["snapshot"],
  "csi.v1.ControllerExpandVolumeRequest": ["volume_id", "capacity_range"],
  "csi.v1.NodeStageVolumeRequest": ["volume_id", "staging_target_path", "volume_capability"],
  "csi.v1.NodeUnstageVolumeRequest": ["volume_id", "staging_target_path"],
  "csi.v1.NodePublishVolumeRequest": ["volume_id", "target_path", "volume_capability"],
  "csi.v1.NodeUnpublishVolumeRequest": ["volume_id", "target_path"],
  "csi.v1.NodeGetVolumeStatsRequest": ["volume_id", "volume_path"],
  "csi.v1.VolumeUsage": ["unit"],
  "csi.v1.NodeGetVolumeHealthRequest": ["volume_id"],
  "csi.v1.NodeGetVolumeHealthResponse": ["volume_health"],
  "csi.v1.NodeGetStorageHealthResponse.StorageBackendHealth": ["status", "reason"],
  "csi.v1.NodeGetInfoResponse": ["node_id"],
  "csi.v1.NodeExpandVolumeRequest": ["volume_id", "volume_path"],
  "csi.v1.CreateVolumeGroupSnapshotRequest": ["name", "source_volume_ids"],
  "csi.v1.CreateVolumeGroupSnapshotResponse": ["group_snapshot"],
  "csi.v1.VolumeGroupSnapshot": ["group_snapshot_id", "snapshots", "creation_time"],
  "csi.v1.DeleteVolumeGroupSnapshotRequest": ["group_snapshot_id"],
  "csi.v1.GetVolumeGroupSnapshotRequest": ["group_snapshot_id"],
  "csi.v1.GetVolumeGroupSnapshotResponse": ["group_snapshot"],
  "csi.v1.BlockMetadata": ["size_bytes"],
  "csi.v1.GetMetadataAllocatedRequest": ["snapshot_id"],
  "csi.v1.GetMetadataAllocatedResponse": ["block_metadata_type", "volume_capacity_bytes"],
  "csi.v1.GetMetadataDeltaRequest": ["base_snapshot_id", "target_snapshot_id"],
  "csi.v1.GetMetadataDeltaResponse": ["block_metadata_type", "volume_capacity_bytes"],
};

/** Bytes that a string may have, by the field's name where it is not the general bound. */
const longStrings: Readonly<Record<string, number>> = {
  node_id: 256,
  published_node_ids: 256,
  // For people; the specification gives no bound of its own, and a sentence is easily longer than an id.
  message: 4096,
  // A token tells where the list goes on, so that it is a little longer than the id that it holds.
  starting_token: 512,
  next_token: 512,
};

/** The bound of PATH_MAX, as the specification lets paths be as long as the system's. */
const maxPathBytes = 4096;
/** spec.md, "Size Limits". */
const maxStringBytes = 128;
/** spec.md, "Size Limits"; that of all `mount_flags` together, too. */
export const maxMapBytes = 4096;
/** A Secret of Kubernetes may have as much, and certificates need more than 4 KiB. */
export const maxSecretBytes = 1024 * 1024;

/** The most bytes that a string field may have. */
export function maxBytesOf(field: string): number {
  return isPath(field) ? maxPathBytes : (longStrings[field] ?? maxStringBytes);
}

/** Whether a field holds a path on the node. */
function isPath(field: string): boolean {
  return field.endsWith("_path");
}

/** Keys of a volume's context that Kubernetes adds and that do not count: service account tokens alone may exceed 4 KiB. */
export const uncountedKeys: ReadonlySet<string> = new Set(["csi.storage.k8s.io/serviceAccount.tokens"]);

/** Control characters that names must not have: all but tab, line feed and carriage return. */
// oxlint-disable-next-line no-control-regex -- these are the characters that are looked for
export const bannedCharacters = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;
