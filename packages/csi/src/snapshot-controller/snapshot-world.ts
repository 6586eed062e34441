import type { Cached, CacheReader, DeepReadonly } from "@kx/controllers";
import { metadataOf } from "@kx/controllers";
import { Node, PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { nodeOf } from "./node-of-volume.ts";
import {
  type SnapshotClass,
  VolumeGroupSnapshot,
  VolumeGroupSnapshotContent,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from "./resources.ts";

/** What the plan of a VolumeSnapshot reads beside it. */
export interface SnapshotWorld {
  readonly nowMs: number;
  content(name: string): Cached<VolumeSnapshotContent> | undefined;
  classes(): readonly Cached<SnapshotClass>[];
  claim(namespace: string, name: string): Cached<PersistentVolumeClaim> | undefined;
  volume(name: string): Cached<PersistentVolume> | undefined;
  /** The snapshots of a claim. */
  snapshotsOf(claim: Cached<PersistentVolumeClaim>): readonly Cached<VolumeSnapshot>[];
  /** The claims that are to be filled from a snapshot. */
  claimsFrom(snapshot: Cached<VolumeSnapshot>): readonly Cached<PersistentVolumeClaim>[];
  group(namespace: string, name: string): Cached<VolumeGroupSnapshot> | undefined;
  /** The group whose snapshots have this CSI id. */
  groupContent(driver: string, handle: string): Cached<VolumeGroupSnapshotContent> | undefined;
  /** The node whose sidecar takes snapshots of a volume; undefined where any does. */
  nodeOf(volume: DeepReadonly<PersistentVolume>): string | undefined;
}

/** Names of the indexes that `worldOf` reads. */
export const indexNames = {
  snapshotByClaim: "snapshot-by-claim",
  snapshotByGroup: "snapshot-by-group",
  claimBySnapshot: "claim-by-snapshot",
  volumeByHandle: "volume-by-handle",
  groupContentByHandle: "group-content-by-handle",
} as const;

/** Names of Nodes and their labels. */
export const NodeLabels: ReturnType<typeof metadataOf> = metadataOf(Node);

/** What a cache holds, as plans read it. */
export function worldOf(
  cache: CacheReader,
  nowMs: number,
  options: { readonly groups: boolean; readonly distributed: boolean },
): SnapshotWorld {
  return {
    nowMs,
    content: (name) => cache.get(VolumeSnapshotContent, { name }),
    classes: () => cache.list(VolumeSnapshotClass),
    claim: (namespace, name) => cache.get(PersistentVolumeClaim, { namespace, name }),
    volume: (name) => cache.get(PersistentVolume, { name }),
    snapshotsOf: ({ metadata: { namespace, name } }) =>
      cache.byIndex(VolumeSnapshot, indexNames.snapshotByClaim, `${namespace}/${name}`),
    claimsFrom: ({ metadata: { namespace, name } }) =>
      cache.byIndex(PersistentVolumeClaim, indexNames.claimBySnapshot, `${namespace}/${name}`),
    group: (namespace, name) => (options.groups ? cache.get(VolumeGroupSnapshot, { namespace, name }) : undefined),
    groupContent: (driver, handle) =>
      options.groups
        ? cache.byIndex(VolumeGroupSnapshotContent, indexNames.groupContentByHandle, `${driver} ${handle}`)[0]
        : undefined,
    nodeOf: (volume) => (options.distributed ? nodeOf(volume, cache.list(NodeLabels)) : undefined),
  };
}

/** The claim that a snapshot is of. */
export function claimKeyOf({ metadata, spec }: DeepReadonly<VolumeSnapshot>): readonly string[] {
  const name = spec.source.persistentVolumeClaimName;
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}

/** The group snapshot that a snapshot was made with. */
export function groupKeyOf(snapshot: DeepReadonly<VolumeSnapshot>): readonly string[] {
  const owner = groupOwnerOf(snapshot);
  return owner === undefined ? [] : [`${snapshot.metadata.namespace}/${owner}`];
}

/** Name of the group snapshot that owns a snapshot. */
export function groupOwnerOf({ metadata }: DeepReadonly<VolumeSnapshot>): string | undefined {
  return metadata.ownerReferences?.find(
    ({ kind, apiVersion }) =>
      kind === VolumeGroupSnapshot.kind && apiVersion.startsWith(`${VolumeGroupSnapshot.group}/`),
  )?.name;
}

/** The snapshot that a claim is to be filled from. */
export function sourceKeyOf({ metadata, spec }: DeepReadonly<PersistentVolumeClaim>): readonly string[] {
  const source = spec?.dataSource;
  if (source?.kind !== VolumeSnapshot.kind || source.apiGroup !== VolumeSnapshot.group) return [];
  return [`${metadata.namespace}/${source.name}`];
}

/** Driver and CSI id of a volume. */
export function handleKeyOf({ spec }: DeepReadonly<PersistentVolume>): readonly string[] {
  return spec?.csi === undefined ? [] : [`${spec.csi.driver} ${spec.csi.volumeHandle}`];
}

/** Driver and CSI id of a group snapshot. */
export function groupHandleKeyOf({ spec, status }: DeepReadonly<VolumeGroupSnapshotContent>): readonly string[] {
  const handle = status?.volumeGroupSnapshotHandle;
  return handle === undefined ? [] : [`${spec.driver} ${handle}`];
}
