import type { Cached, CacheReader, DeepReadonly } from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { selects } from "./label-selector.ts";
import {
  type LabelSelector,
  type SnapshotClass,
  type VolumeGroupSnapshot,
  VolumeGroupSnapshotClass,
  VolumeGroupSnapshotContent,
  VolumeSnapshot,
  VolumeSnapshotContent,
} from "./resources.ts";
import { indexNames } from "./snapshot-world.ts";

/** What the plan of a VolumeGroupSnapshot reads beside it. */
export interface GroupWorld {
  readonly nowMs: number;
  content(name: string): Cached<VolumeGroupSnapshotContent> | undefined;
  classes(): readonly Cached<SnapshotClass>[];
  /** The claims of a namespace that a selector means, by name. */
  claims(namespace: string, selector: DeepReadonly<LabelSelector>): readonly Cached<PersistentVolumeClaim>[];
  volume(name: string): Cached<PersistentVolume> | undefined;
  volumeOfHandle(driver: string, handle: string): Cached<PersistentVolume> | undefined;
  snapshot(namespace: string, name: string): Cached<VolumeSnapshot> | undefined;
  snapshotContent(name: string): Cached<VolumeSnapshotContent> | undefined;
  /** The snapshots that a group owns. */
  members(group: Cached<VolumeGroupSnapshot>): readonly Cached<VolumeSnapshot>[];
  /** Whether a volume is being made of a snapshot. */
  isRestored(snapshot: Cached<VolumeSnapshot>): boolean;
}

/** What a cache holds, as plans read it. */
export function groupWorldOf(cache: CacheReader, nowMs: number): GroupWorld {
  return {
    nowMs,
    content: (name) => cache.get(VolumeGroupSnapshotContent, { name }),
    classes: () => cache.list(VolumeGroupSnapshotClass),
    claims: (namespace, selector) =>
      cache
        .list(PersistentVolumeClaim, namespace)
        .filter(({ metadata }) => selects(selector, metadata.labels))
        .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    volume: (name) => cache.get(PersistentVolume, { name }),
    volumeOfHandle: (driver, handle) =>
      cache.byIndex(PersistentVolume, indexNames.volumeByHandle, `${driver} ${handle}`)[0],
    snapshot: (namespace, name) => cache.get(VolumeSnapshot, { namespace, name }),
    snapshotContent: (name) => cache.get(VolumeSnapshotContent, { name }),
    members: ({ metadata: { namespace, name } }) =>
      cache.byIndex(VolumeSnapshot, indexNames.snapshotByGroup, `${namespace}/${name}`),
    isRestored: ({ metadata: { namespace, name } }) =>
      cache
        .byIndex(PersistentVolumeClaim, indexNames.claimBySnapshot, `${namespace}/${name}`)
        .some(({ status }) => status?.phase === "Pending"),
  };
}
