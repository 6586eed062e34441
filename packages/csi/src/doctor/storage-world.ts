import type { Cached, ObjectLike } from "@kx/controllers";
import type { Event, Node, PersistentVolume, PersistentVolumeClaim, Pod } from "@kx/controllers/api/core-v1";
import type { CSINode, StorageClass, VolumeAttachment } from "@kx/controllers/api/storage-v1";
import type { VolumeSnapshot, VolumeSnapshotContent } from "../snapshot-controller/resources.ts";
import type { LastError } from "./finding.ts";
import type { StorageObjects } from "./storage-objects.ts";
import { type StorageRef, showRef } from "./storage-ref.ts";

/** A pod as it is read from the API server. */
export type StoragePod = Cached<Pod>;

/** The objects of a cluster's storage, by what rules ask for. */
export interface StorageWorld {
  readonly objects: StorageObjects;
  /** Whether something is older than what should take a moment. @param time - RFC 3339 */
  isOverdue(time: string | undefined): boolean;
  claim(namespace: string | undefined, name: string): Cached<PersistentVolumeClaim> | undefined;
  volume(name: string | undefined): Cached<PersistentVolume> | undefined;
  storageClass(name: string): Cached<StorageClass> | undefined;
  node(name: string | undefined): Cached<Node> | undefined;
  csiNode(name: string | undefined): Cached<CSINode> | undefined;
  snapshot(namespace: string | undefined, name: string): Cached<VolumeSnapshot> | undefined;
  content(name: string | undefined): Cached<VolumeSnapshotContent> | undefined;
  /** The snapshot that a content is for. */
  snapshotOf(contentName: string): Cached<VolumeSnapshot> | undefined;
  /** Whether the cluster knows a driver at all. */
  isDriverKnown(name: string): boolean;
  /** Whether the kubelet of a node has registered a driver. */
  hasDriver(nodeName: string, driver: string): boolean;
  /** Pods that have not ended, of a claim. */
  podsOf(claim: Cached<PersistentVolumeClaim>): readonly StoragePod[];
  attachmentsOf(volume: string): readonly Cached<VolumeAttachment>[];
  /** The names of the claims that a pod uses. */
  claimNamesOf(pod: StoragePod): readonly string[];
  /** What was told last about an object, among events of these reasons; of any reason if none is given. */
  lastEvent(about: StorageRef, ...reasons: readonly string[]): LastError | undefined;
}

/** How long something may take before it counts as stuck, in milliseconds. */
const overdueMs = 60_000;

/** @param nowMs - milliseconds since 1970 */
export function createStorageWorld(objects: StorageObjects, nowMs: number): StorageWorld {
  const claims = byKey(objects.claims);
  const volumes = byKey(objects.volumes);
  const classes = byKey(objects.classes);
  const nodes = byKey(objects.nodes);
  const csiNodes = byKey(objects.csiNodes);
  const snapshots = byKey(objects.snapshots);
  const contents = byKey(objects.snapshotContents);
  const pods = new Map<string, StoragePod[]>();
  for (const pod of objects.pods) {
    if (hasEnded(pod)) continue;
    for (const name of claimNames(pod)) append(pods, key(pod.metadata.namespace, name), pod);
  }
  const attachments = new Map<string, Cached<VolumeAttachment>[]>();
  for (const one of objects.attachments) append(attachments, one.spec.source.persistentVolumeName ?? "", one);
  const events = new Map<string, Cached<Event>[]>();
  for (const event of objects.events) {
    const { kind = "", namespace, name } = event.involvedObject;
    append(events, `${kind} ${key(namespace, name)}`, event);
  }
  const known = new Set([
    ...objects.drivers.map(({ metadata }) => metadata.name),
    ...objects.csiNodes.flatMap(({ spec }) => (spec.drivers ?? []).map(({ name }) => name)),
  ]);
  return {
    objects,
    isOverdue: (time) => time !== undefined && nowMs - Date.parse(time) > overdueMs,
    claim: (namespace, name) => claims.get(key(namespace, name)),
    volume: (name) => volumes.get(name ?? ""),
    storageClass: (name) => classes.get(name),
    node: (name) => nodes.get(name ?? ""),
    csiNode: (name) => csiNodes.get(name ?? ""),
    snapshot: (namespace, name) => snapshots.get(key(namespace, name)),
    content: (name) => contents.get(name ?? ""),
    snapshotOf(contentName) {
      const { namespace, name } = contents.get(contentName)?.spec.volumeSnapshotRef ?? {};
      return snapshots.get(key(namespace, name));
    },
    isDriverKnown: (name) => known.has(name),
    hasDriver: (nodeName, driver) => csiNodes.get(nodeName)?.spec.drivers?.some(({ name }) => name === driver) === true,
    podsOf: ({ metadata: { namespace, name } }) => pods.get(key(namespace, name)) ?? [],
    attachmentsOf: (volume) => attachments.get(volume) ?? [],
    claimNamesOf: claimNames,
    lastEvent(about, ...reasons) {
      const told = (events.get(showRef(about)) ?? []).filter(
        ({ reason = "" }) => reasons.length === 0 || reasons.includes(reason),
      );
      const last = told.toSorted((a, b) => timeOf(a).localeCompare(timeOf(b))).at(-1);
      if (last === undefined) return undefined;
      const { reason = "", message = "" } = last;
      return {
        source: `event ${reason}`,
        message: message.trim(),
        at: timeOf(last),
        count: last.series?.count ?? last.count ?? 1,
      };
    },
  };
}

/** Whether a pod has ended: it uses no volume any more. */
export function hasEnded({ status }: StoragePod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

function claimNames({ metadata, spec }: StoragePod): readonly string[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });
}

function timeOf({ series, lastTimestamp, eventTime, firstTimestamp, metadata }: Cached<Event>): string {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? firstTimestamp ?? metadata.creationTimestamp;
}

function byKey<Object extends Cached<ObjectLike>>(objects: readonly Object[]): ReadonlyMap<string, Object> {
  return new Map(objects.map((one) => [key(one.metadata.namespace, one.metadata.name), one]));
}

function key(namespace: string | undefined, name: string | undefined): string {
  return namespace === undefined || namespace === "" ? (name ?? "") : `${namespace}/${name}`;
}

function append<T>(to: Map<string, T[]>, at: string, one: T): void {
  const there = to.get(at);
  if (there === undefined) to.set(at, [one]);
  else there.push(one);
}
