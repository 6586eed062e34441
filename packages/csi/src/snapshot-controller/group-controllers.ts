import {
  type Controller,
  defineController,
  done,
  type ObjectLike,
  refOf,
  type WatchedResource,
  watch,
} from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { claims, groupIndexes, snapshotIndexes, volumes } from "./cached-objects.ts";
import { groupWorldOf } from "./group-world.ts";
import { annotations } from "./names.ts";
import { planGroup } from "./plan-group.ts";
import { planBoundGroupContent } from "./plan-group-content.ts";
import {
  boundTo,
  VolumeGroupSnapshot,
  VolumeGroupSnapshotClass,
  VolumeGroupSnapshotContent,
  VolumeSnapshot,
  VolumeSnapshotContent,
} from "./resources.ts";
import { common, type SnapshotControllerSettings } from "./snapshot-controllers.ts";
import { groupKeyOf, indexNames, sourceKeyOf } from "./snapshot-world.ts";
import { applySteps } from "./steps.ts";

/** The controllers of VolumeGroupSnapshots and their contents. */
export function groupControllers({ concurrency }: SnapshotControllerSettings): readonly Controller<ObjectLike>[] {
  const groups = defineController({
    ...common,
    name: "snapshot-controller-groups",
    concurrency,
    for: VolumeGroupSnapshot,
    watches: groupWatches,
    indexes: [...snapshotIndexes, ...groupIndexes],
    async reconcile({ object }, ctx) {
      if (object === undefined) return done;
      return await applySteps(planGroup(object, groupWorldOf(ctx.cache, ctx.clock.now())), ctx);
    },
  });
  const contents = defineController({
    ...common,
    name: "snapshot-controller-group-contents",
    concurrency,
    for: VolumeGroupSnapshotContent,
    async reconcile({ object }, ctx) {
      return object === undefined ? done : await applySteps(planBoundGroupContent(object), ctx);
    },
  });
  return [groups, contents] as unknown as readonly Controller<ObjectLike>[];
}

const groupWatches: readonly WatchedResource[] = [
  watch(VolumeGroupSnapshotContent, { map: ({ spec }) => [boundTo(spec.volumeGroupSnapshotRef)] }),
  watch(VolumeGroupSnapshotClass, { map: () => [] }),
  watch(VolumeSnapshot, { map: (snapshot) => groupKeyOf(snapshot).map(refOf) }),
  watch(VolumeSnapshotContent, {
    map({ metadata, spec }, cache) {
      const handle = metadata.annotations?.[annotations.groupHandle];
      if (handle === undefined) return [];
      return cache
        .byIndex(VolumeGroupSnapshotContent, indexNames.groupContentByHandle, `${spec.driver} ${handle}`)
        .map((content) => boundTo(content.spec.volumeGroupSnapshotRef));
    },
  }),
  watch(PersistentVolumeClaim, {
    select: claims,
    // A restore that ends may let a group go.
    map: (claim, cache) =>
      sourceKeyOf(claim).flatMap((key) => {
        const snapshot = cache.get(VolumeSnapshot, refOf(key));
        return snapshot === undefined ? [] : groupKeyOf(snapshot).map(refOf);
      }),
  }),
  watch(PersistentVolume, { select: volumes, map: () => [] }),
];
