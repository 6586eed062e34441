import type { Cached } from "@kx/controllers";
import type { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { sourceOf } from "./rules/claim-source.ts";
import { refTo, type StorageKind, type StorageRef } from "./storage-ref.ts";
import type { StoragePod, StorageWorld } from "./storage-world.ts";

/** Pods that do not start, claims without a volume and volumes that stay, because an object does not go on. */
export function heldUpBy(about: StorageRef, world: StorageWorld): readonly StorageRef[] {
  return byKind[about.kind]?.(about, world) ?? [];
}

const byKind: { readonly [Kind in StorageKind]?: (about: StorageRef, world: StorageWorld) => readonly StorageRef[] } = {
  PersistentVolumeClaim(about, world) {
    const claim = world.claim(about.namespace, about.name);
    return claim === undefined ? [] : [...waitingPods(claim, world), ...copiesOf(about, world)];
  },
  PersistentVolume: ({ name }, world) => podsOfVolume(name, world),
  VolumeAttachment({ name }, world) {
    const one = world.objects.attachments.find(({ metadata }) => metadata.name === name);
    const volume = world.volume(one?.spec.source.persistentVolumeName);
    if (volume === undefined) return [];
    const isReleased = volume.status?.phase === "Released";
    return isReleased ? [refTo("PersistentVolume", volume)] : podsOfVolume(volume.metadata.name, world);
  },
  VolumeSnapshot: copiesOf,
  VolumeSnapshotContent({ name }, world) {
    const snapshot = world.snapshotOf(name);
    if (snapshot === undefined) return [];
    const ref = refTo("VolumeSnapshot", snapshot);
    return [ref, ...copiesOf(ref, world)];
  },
};

function podsOfVolume(name: string, world: StorageWorld): readonly StorageRef[] {
  const { claimRef } = world.volume(name)?.spec ?? {};
  const claim = world.claim(claimRef?.namespace, claimRef?.name ?? "");
  return claim === undefined ? [] : waitingPods(claim, world);
}

function waitingPods(claim: Cached<PersistentVolumeClaim>, world: StorageWorld): readonly StorageRef[] {
  return world
    .podsOf(claim)
    .filter(isWaiting)
    .map((pod) => refTo("Pod", pod));
}

function isWaiting({ status, metadata }: StoragePod): boolean {
  return status?.phase === "Pending" || metadata.deletionTimestamp !== undefined;
}

/** Claims that are to be filled from a claim or a snapshot. */
function copiesOf(source: StorageRef, world: StorageWorld): readonly StorageRef[] {
  return world.objects.claims
    .filter(({ metadata, status }) => metadata.namespace === source.namespace && status?.phase === "Pending")
    .filter((claim) => {
      const from = sourceOf(claim);
      return from?.kind === source.kind && from.name === source.name;
    })
    .map((claim) => refTo("PersistentVolumeClaim", claim));
}
