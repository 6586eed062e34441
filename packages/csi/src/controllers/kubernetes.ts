import type { CacheSelection, ObjectLike } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { given } from "../given.ts";

// What the controllers of a process keep of each resource. Equal selections share one informer, so each stands here once.
// Objects of a cache are patched, never updated: what was dropped would be lost.

/** Claims, without what no controller reads. Which are a driver's own, neither labels nor fields tell. */
export const claims: CacheSelection = { transform: trimClaim };

/** Volumes; of those that no CSI driver has made, little more than that they are there. */
export const volumes: CacheSelection = { transform: trimVolume };

/** Objects of which only name and labels are read: nodes. */
export const labelsOnly: CacheSelection = { transform: trimToLabels };

/** Objects that are kept as they are: classes, CSINodes, VolumeAttachments. */
export const whole: CacheSelection = {};

function trimClaim(object: ObjectLike): void {
  const claim = object as PersistentVolumeClaim;
  claim.metadata = without(claim.metadata, ["labels", "ownerReferences", "generateName"]);
}

function trimVolume(object: ObjectLike): void {
  const volume = object as PersistentVolume;
  volume.metadata = without(volume.metadata, ["labels", "ownerReferences", "generateName"]);
  const { csi, capacity, claimRef, storageClassName, persistentVolumeReclaimPolicy } = volume.spec ?? {};
  if (csi === undefined) {
    // These the in-tree plug-ins' migration or another provisioner looks after.
    volume.spec = given({ capacity, claimRef, storageClassName, persistentVolumeReclaimPolicy });
  }
}

function trimToLabels(object: ObjectLike): void {
  const { name, uid, resourceVersion, creationTimestamp, labels } = object.metadata;
  object.metadata = given({ name, uid, resourceVersion, creationTimestamp, labels });
}

/** A copy without these fields. `delete` would make V8 keep the object as a hash table, at five times the memory. */
function without<T extends object>(fields: T, names: readonly string[]): T {
  if (!names.some((name) => name in fields)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !names.includes(key))) as T;
}
