import type { ObjectMeta, ObjectRef, Resource } from "@kx/controllers";

/** What happens to a snapshot on its storage when the object that stands for it is deleted. */
export type DeletionPolicy = "Delete" | "Retain";

/** The last failure of a snapshot. */
export interface SnapshotError {
  message?: string;
  /** RFC 3339. */
  time?: string;
}

/** A user's wish for a snapshot. */
export interface VolumeSnapshot {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: {
    source: { persistentVolumeClaimName?: string; volumeSnapshotContentName?: string };
    volumeSnapshotClassName?: string;
  };
  status?: VolumeSnapshotStatus;
}

/** What has become of it. */
export interface VolumeSnapshotStatus {
  boundVolumeSnapshotContentName?: string;
  /** RFC 3339. */
  creationTime?: string;
  readyToUse?: boolean;
  /** A quantity: the least size of a volume made of it. */
  restoreSize?: string;
  error?: SnapshotError;
  volumeGroupSnapshotName?: string;
}

/** A reference from a content to what it is bound to; without a uid it is reserved for it. */
export interface BoundReference {
  apiVersion?: string;
  kind?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  resourceVersion?: string;
}

/** A snapshot on its storage. */
export interface VolumeSnapshotContent {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: {
    deletionPolicy: DeletionPolicy;
    driver: string;
    source: { volumeHandle?: string; snapshotHandle?: string };
    sourceVolumeMode?: string;
    volumeSnapshotClassName?: string;
    volumeSnapshotRef: BoundReference;
  };
  status?: VolumeSnapshotContentStatus;
}

/** What the driver said of it. */
export interface VolumeSnapshotContentStatus {
  /** Nanoseconds since 1970; rounded to what a double holds, some hundred of them. */
  creationTime?: number;
  readyToUse?: boolean;
  /** Bytes. */
  restoreSize?: number;
  snapshotHandle?: string;
  volumeGroupSnapshotHandle?: string;
  error?: SnapshotError;
}

/** How snapshots are made. */
export interface SnapshotClass {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  deletionPolicy: DeletionPolicy;
  driver: string;
  parameters?: Record<string, string>;
}

/** A selection of claims by their labels. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** A user's wish for snapshots of several volumes at one moment. */
export interface VolumeGroupSnapshot {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: {
    source: { selector?: LabelSelector; volumeGroupSnapshotContentName?: string };
    volumeGroupSnapshotClassName?: string;
  };
  status?: VolumeGroupSnapshotStatus;
}

/** What has become of it. */
export interface VolumeGroupSnapshotStatus {
  boundVolumeGroupSnapshotContentName?: string;
  /** RFC 3339. */
  creationTime?: string;
  readyToUse?: boolean;
  error?: SnapshotError;
}

/** One snapshot of a group, as its driver told. */
export interface VolumeSnapshotInfo {
  volumeHandle?: string;
  snapshotHandle?: string;
  /** Nanoseconds since 1970. */
  creationTime?: number;
  readyToUse?: boolean;
  /** Bytes. */
  restoreSize?: number;
}

/** Snapshots of a group on their storage. */
export interface VolumeGroupSnapshotContent {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: {
    deletionPolicy: DeletionPolicy;
    driver: string;
    source: {
      volumeHandles?: string[];
      groupSnapshotHandles?: { volumeGroupSnapshotHandle: string; volumeSnapshotHandles: string[] };
    };
    volumeGroupSnapshotClassName?: string;
    volumeGroupSnapshotRef: BoundReference;
  };
  status?: VolumeGroupSnapshotContentStatus;
}

/** What the driver said of them. */
export interface VolumeGroupSnapshotContentStatus {
  /** RFC 3339. */
  creationTime?: string;
  readyToUse?: boolean;
  volumeGroupSnapshotHandle?: string;
  volumeSnapshotInfoList?: VolumeSnapshotInfo[];
  error?: SnapshotError;
}

const snapshots = { group: "snapshot.storage.k8s.io", version: "v1" } as const;
const groups = { group: "groupsnapshot.storage.k8s.io", version: "v1" } as const;

/** The resource `volumesnapshots`. */
export const VolumeSnapshot: Resource<VolumeSnapshot> = Object.freeze({
  ...snapshots,
  kind: "VolumeSnapshot",
  plural: "volumesnapshots",
  namespaced: true,
});

/** The resource `volumesnapshotcontents`. */
export const VolumeSnapshotContent: Resource<VolumeSnapshotContent> = Object.freeze({
  ...snapshots,
  kind: "VolumeSnapshotContent",
  plural: "volumesnapshotcontents",
  namespaced: false,
});

/** The resource `volumesnapshotclasses`. */
export const VolumeSnapshotClass: Resource<SnapshotClass> = Object.freeze({
  ...snapshots,
  kind: "VolumeSnapshotClass",
  plural: "volumesnapshotclasses",
  namespaced: false,
});

/** The resource `volumegroupsnapshots`. */
export const VolumeGroupSnapshot: Resource<VolumeGroupSnapshot> = Object.freeze({
  ...groups,
  kind: "VolumeGroupSnapshot",
  plural: "volumegroupsnapshots",
  namespaced: true,
});

/** The resource `volumegroupsnapshotcontents`. */
export const VolumeGroupSnapshotContent: Resource<VolumeGroupSnapshotContent> = Object.freeze({
  ...groups,
  kind: "VolumeGroupSnapshotContent",
  plural: "volumegroupsnapshotcontents",
  namespaced: false,
});

/** The resource `volumegroupsnapshotclasses`. */
export const VolumeGroupSnapshotClass: Resource<SnapshotClass> = Object.freeze({
  ...groups,
  kind: "VolumeGroupSnapshotClass",
  plural: "volumegroupsnapshotclasses",
  namespaced: false,
});

/** The object that a content is for. */
export function boundTo({ namespace, name }: { readonly namespace?: string; readonly name?: string }): ObjectRef {
  return { name: name ?? "", namespace };
}
