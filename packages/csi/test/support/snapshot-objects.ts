import { type Cached, type CacheReader, keyOf, type ObjectLike, type Resource } from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { groupIndexes, snapshotIndexes } from "../../src/snapshot-controller/cached-objects.ts";
import {
  type SnapshotClass,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from "../../src/snapshot-controller/resources.ts";

/** An object with the resource that it is of. */
export interface Held {
  readonly resource: Resource;
  readonly object: Cached<ObjectLike>;
}

/** A cache that holds these objects. */
export function cacheOf(...objects: readonly Held[]): CacheReader {
  const all = <T extends ObjectLike>(resource: Resource<T>) =>
    objects.filter((one) => one.resource.plural === resource.plural).map(({ object }) => object as Cached<T>);
  return {
    get: (resource, ref) => all(resource).find((object) => keyOf(object) === keyOf(ref)),
    list: (resource, namespace) =>
      all(resource).filter((object) => namespace === undefined || object.metadata.namespace === namespace),
    byIndex(resource, name, value) {
      const index = [...snapshotIndexes, ...groupIndexes].find((one) => one.name === name);
      if (index === undefined) throw new Error(`no index ${name}`);
      return all(resource).filter((object) => index.by(object).includes(value));
    },
  };
}

type Meta = Partial<ObjectLike["metadata"]>;

/** Makes an object as the API server would have it. */
export function held<T extends ObjectLike>(
  resource: Resource<T>,
  name: string,
  rest: Omit<T, "metadata"> & { readonly metadata?: Meta },
): { readonly resource: Resource<T>; readonly object: Cached<T> } {
  const metadata = {
    name,
    ...(resource.namespaced ? { namespace: "shop" } : {}),
    uid: `${name}-uid`,
    resourceVersion: "7",
    creationTimestamp: "2026-01-01T00:00:00Z",
    ...rest.metadata,
  };
  return { resource, object: { kind: resource.kind, ...rest, metadata } as unknown as Cached<T> };
}

export const driver = "disk.example";

/** A bound claim and its volume. */
export function claimWithVolume(name: string, metadata: Meta = {}): readonly Held[] {
  const claim = held(PersistentVolumeClaim, name, {
    metadata,
    spec: { volumeName: `pv-${name}` },
    status: { phase: "Bound" },
  });
  const claimRef = { name, namespace: "shop", uid: `${name}-uid` };
  const csi = { driver, volumeHandle: `vol-${name}` };
  return [claim, held(PersistentVolume, `pv-${name}`, { spec: { csi, claimRef, volumeMode: "Filesystem" } })];
}

/** A class; a default one if it says so. */
export function classOf(
  resource: Resource<SnapshotClass>,
  name: string,
  options: {
    readonly isDefault?: boolean;
    readonly parameters?: Record<string, string>;
    readonly driver?: string;
  } = {},
) {
  const group = resource.group.replace("k8s.io", "kubernetes.io");
  return held(resource, name, {
    metadata: options.isDefault === true ? { annotations: { [`${group}/is-default-class`]: "true" } } : {},
    driver: options.driver ?? driver,
    deletionPolicy: "Delete",
    ...(options.parameters === undefined ? {} : { parameters: options.parameters }),
  });
}

/** A snapshot of a claim. */
export function snapshotOf(claim: string, rest: Partial<Omit<VolumeSnapshot, "metadata">> & { metadata?: Meta } = {}) {
  return held(VolumeSnapshot, "snap", {
    spec: { source: { persistentVolumeClaimName: claim }, volumeSnapshotClassName: "fast" },
    ...rest,
  });
}

/** The content that is made for the snapshot `snap`. */
export function contentOf(
  rest: Partial<VolumeSnapshotContent> = {},
  spec: Partial<VolumeSnapshotContent["spec"]> = {},
) {
  return held(VolumeSnapshotContent, "snapcontent-snap-uid", {
    ...rest,
    spec: {
      driver,
      deletionPolicy: "Delete",
      source: { volumeHandle: "vol-data" },
      volumeSnapshotRef: { name: "snap", namespace: "shop", uid: "snap-uid" },
      ...spec,
    },
  });
}

export const fast = classOf(VolumeSnapshotClass, "fast");
