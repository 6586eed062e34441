import {
  type Controller,
  type ControllerDefinition,
  defineController,
  done,
  type ObjectLike,
  refOf,
  type WatchedResource,
  watch,
} from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { claims, groupIndexes, snapshotIndexes, volumes } from "./cached-objects.ts";
import { planBoundContent } from "./plan-content.ts";
import { planSnapshot } from "./plan-snapshot.ts";
import {
  boundTo,
  VolumeGroupSnapshot,
  VolumeGroupSnapshotContent,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from "./resources.ts";
import { indexNames, NodeLabels, sourceKeyOf, worldOf } from "./snapshot-world.ts";
import { applySteps } from "./steps.ts";

/** What the controllers of snapshots need to know. */
export interface SnapshotControllerSettings {
  /** Whether there are group snapshots. */
  readonly groups: boolean;
  /** Whether each node's sidecar takes the snapshots of the volumes that only that node reaches. */
  readonly distributed: boolean;
  /** Objects of a kind that are worked on at the same time. */
  readonly concurrency: number;
}

/** What all controllers of snapshots have in common. */
export const common = {
  component: "snapshot-controller",
  // kubectl describe shows them either way; tools that read upstream's find them here.
  eventsApi: "core/v1",
  resyncMs: 15 * 60_000,
} as const satisfies Partial<ControllerDefinition<ObjectLike>>;

/** The controllers of VolumeSnapshots and their contents. */
export function snapshotControllers(settings: SnapshotControllerSettings): readonly Controller<ObjectLike>[] {
  return [snapshots(settings), contents(settings)] as unknown as readonly Controller<ObjectLike>[];
}

function snapshots(settings: SnapshotControllerSettings): Controller<VolumeSnapshot> {
  return defineController({
    ...common,
    name: "snapshot-controller-snapshots",
    concurrency: settings.concurrency,
    for: VolumeSnapshot,
    watches: [...snapshotWatches, ...(settings.groups ? memberWatches : []), ...(settings.distributed ? nodes : [])],
    indexes: settings.groups ? [...snapshotIndexes, ...groupIndexes] : snapshotIndexes,
    async reconcile({ object }, ctx) {
      if (object === undefined) return done;
      return await applySteps(planSnapshot(object, worldOf(ctx.cache, ctx.clock.now(), settings)), ctx);
    },
  });
}

const snapshotWatches: readonly WatchedResource[] = [
  watch(VolumeSnapshotContent, { map: ({ spec }) => [boundTo(spec.volumeSnapshotRef)] }),
  watch(VolumeSnapshotClass, {
    map: (_, cache) => cache.list(VolumeSnapshot).filter(isWaiting).map(refOfObject),
  }),
  watch(PersistentVolumeClaim, {
    select: claims,
    map: (claim, cache) => [
      ...sourceKeyOf(claim).map(refOf),
      ...cache
        .byIndex(VolumeSnapshot, indexNames.snapshotByClaim, `${claim.metadata.namespace}/${claim.metadata.name}`)
        .filter(isWaiting)
        .map(refOfObject),
    ],
  }),
  watch(PersistentVolume, { select: volumes, map: () => [] }),
];

const memberWatches: readonly WatchedResource[] = [
  watch(VolumeGroupSnapshot, {
    map: ({ metadata: { namespace, name } }, cache) =>
      cache.byIndex(VolumeSnapshot, indexNames.snapshotByGroup, `${namespace}/${name}`).map(refOfObject),
  }),
  watch(VolumeGroupSnapshotContent, { map: () => [] }),
];

const nodes: readonly WatchedResource[] = [watch(NodeLabels, { map: () => [] })];

type Ref = { readonly metadata: { readonly name: string; readonly namespace?: string } };
const refOfObject = ({ metadata: { name, namespace } }: Ref) => ({ name, namespace });

/** Not bound to a content yet, or not ready. */
function isWaiting({ status }: { readonly status?: { readonly readyToUse?: boolean } }): boolean {
  return status?.readyToUse !== true;
}

function contents({ concurrency }: SnapshotControllerSettings): Controller<VolumeSnapshotContent> {
  return defineController({
    ...common,
    name: "snapshot-controller-contents",
    concurrency,
    for: VolumeSnapshotContent,
    async reconcile({ object }, ctx) {
      return object === undefined ? done : await applySteps(planBoundContent(object), ctx);
    },
  });
}
