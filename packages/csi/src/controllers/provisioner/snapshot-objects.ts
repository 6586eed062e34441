import type { ObjectLike, Resource, Stored } from "@kx/controllers";

// As much of the snapshot API as a provisioner reads.

/** A snapshot of a claim. */
export type VolumeSnapshot = Stored<SnapshotFields>;

/** What a snapshot is in the storage system. */
export type VolumeSnapshotContent = Stored<ContentFields>;

interface SnapshotFields extends ObjectLike {
  status?: { boundVolumeSnapshotContentName?: string; readyToUse?: boolean; restoreSize?: string };
}

interface ContentFields extends ObjectLike {
  spec: { driver: string; sourceVolumeMode?: string; volumeSnapshotRef: { uid?: string } };
  status?: { snapshotHandle?: string };
}

const api = { group: "snapshot.storage.k8s.io", version: "v1" } as const;

/** The resource `volumesnapshots`. */
export const VolumeSnapshots: Resource<SnapshotFields> = Object.freeze({
  ...api,
  kind: "VolumeSnapshot",
  plural: "volumesnapshots",
  namespaced: true,
});

/** The resource `volumesnapshotcontents`. */
export const VolumeSnapshotContents: Resource<ContentFields> = Object.freeze({
  ...api,
  kind: "VolumeSnapshotContent",
  plural: "volumesnapshotcontents",
  namespaced: false,
});
