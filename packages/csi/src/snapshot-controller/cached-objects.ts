import { type CacheIndex, type CacheSelection, index, type ObjectLike, type ObjectMeta } from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { VolumeGroupSnapshotContent, VolumeSnapshot } from "./resources.ts";
import { claimKeyOf, groupHandleKeyOf, groupKeyOf, handleKeyOf, indexNames, sourceKeyOf } from "./snapshot-world.ts";

/** Of each claim what the plans read: a cluster has many. */
export const claims: CacheSelection = Object.freeze({
  transform(object: ObjectLike) {
    const { spec, status } = object as PersistentVolumeClaim;
    rest(object, {
      spec: picked(spec, "volumeName", "dataSource"),
      status: picked(status, "phase"),
    });
    object.metadata = {
      ...short(object.metadata),
      ...picked(object.metadata, "labels", "finalizers", "deletionTimestamp"),
    };
  },
});

/** Of each volume what the plans read. */
export const volumes: CacheSelection = Object.freeze({
  transform(object: ObjectLike) {
    const { spec } = object as PersistentVolume;
    rest(object, {
      spec: {
        ...picked(spec, "nodeAffinity", "volumeMode"),
        ...(spec?.csi === undefined ? {} : { csi: picked(spec.csi, "driver", "volumeHandle") }),
        ...(spec?.claimRef === undefined ? {} : { claimRef: picked(spec.claimRef, "namespace", "name", "uid") }),
      },
    });
    object.metadata = short(object.metadata);
  },
});

function rest(object: ObjectLike, fields: Readonly<Record<string, unknown>>): void {
  const all = object as unknown as Record<string, unknown>;
  for (const name of ["spec", "status"]) all[name] = fields[name];
}

function short(metadata: ObjectMeta): ObjectMeta {
  return picked(metadata, "name", "namespace", "uid", "resourceVersion", "creationTimestamp");
}

/** A copy with these fields, as far as they are there. */
function picked<T extends object, K extends keyof T>(fields: T | undefined, ...names: readonly K[]): Pick<T, K> {
  const known = names.filter((name) => fields?.[name] !== undefined);
  return Object.fromEntries(known.map((name) => [name, fields?.[name]])) as Pick<T, K>;
}

/** Indexes of snapshots, claims and volumes. */
export const snapshotIndexes: readonly CacheIndex[] = [
  index(VolumeSnapshot, indexNames.snapshotByClaim, claimKeyOf),
  index(PersistentVolumeClaim, indexNames.claimBySnapshot, sourceKeyOf),
];

/** Indexes that group snapshots need beside. */
export const groupIndexes: readonly CacheIndex[] = [
  index(VolumeSnapshot, indexNames.snapshotByGroup, groupKeyOf),
  index(PersistentVolume, indexNames.volumeByHandle, handleKeyOf),
  index(VolumeGroupSnapshotContent, indexNames.groupContentByHandle, groupHandleKeyOf),
];
