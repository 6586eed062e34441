export {
  type BoundReference,
  type DeletionPolicy,
  type LabelSelector,
  type SnapshotClass,
  type SnapshotError,
  VolumeGroupSnapshot,
  VolumeGroupSnapshotClass,
  VolumeGroupSnapshotContent,
  type VolumeGroupSnapshotContentStatus,
  type VolumeGroupSnapshotStatus,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
  type VolumeSnapshotContentStatus,
  type VolumeSnapshotInfo,
  type VolumeSnapshotStatus,
} from "./resources.ts";
export { extension, type SnapshotControllerOptions, snapshotController } from "./snapshot-controller.ts";
export { snapshotCrds } from "./snapshot-crds.ts";
