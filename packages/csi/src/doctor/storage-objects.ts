import type { Cached, ObjectLike } from "@kx/controllers";
import type { Event, Node, PersistentVolume, PersistentVolumeClaim, Pod } from "@kx/controllers/api/core-v1";
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "@kx/controllers/api/storage-v1";
import type {
  SnapshotClass,
  VolumeGroupSnapshot,
  VolumeSnapshot,
  VolumeSnapshotContent,
} from "../snapshot-controller/resources.ts";

type All<T extends ObjectLike> = readonly Cached<T>[];

/** The objects of a cluster by which what is stuck is explained. */
export interface StorageObjects {
  /** Those with volumes of claims or of CSI drivers. */
  readonly pods: All<Pod>;
  readonly claims: All<PersistentVolumeClaim>;
  readonly volumes: All<PersistentVolume>;
  readonly attachments: All<VolumeAttachment>;
  readonly nodes: All<Node>;
  readonly csiNodes: All<CSINode>;
  readonly classes: All<StorageClass>;
  readonly attributesClasses: All<VolumeAttributesClass>;
  readonly drivers: All<CSIDriver>;
  readonly capacities: All<CSIStorageCapacity>;
  readonly snapshots: All<VolumeSnapshot>;
  readonly snapshotContents: All<VolumeSnapshotContent>;
  readonly snapshotClasses: All<SnapshotClass>;
  readonly groupSnapshots: All<VolumeGroupSnapshot>;
  /** Warnings about these objects. */
  readonly events: All<Event>;
}
