import type { Cached } from "@kx/controllers";
import type { PersistentVolume } from "@kx/controllers/api/core-v1";
import { hasFinalizer } from "../finalizers.ts";
import { provisionedBy, volumeFinalizer } from "./names.ts";
import type { OwnNode } from "./provisioner-env.ts";
import { isReachable } from "./topology.ts";

/** What is to be done for a volume: keep its object until it is deleted, let the object go, or delete it. */
export type VolumeStep = "nothing" | "protect" | "unprotect" | "delete";

/** A volume as the cache has it. */
export type CachedVolume = Cached<PersistentVolume>;

/** What a plan is made of. */
export interface VolumeStepFacts {
  readonly driverName: string;
  readonly volume: CachedVolume;
  /** The only node whose volumes are looked after; absent: all are. */
  readonly node: OwnNode | undefined;
}

/** Decides what is to be done for a volume. One that a person made is deleted too, if its reclaim policy says so. */
export function planVolumeStep({ driverName, volume, node }: VolumeStepFacts): VolumeStep {
  const { metadata, spec, status } = volume;
  if ((metadata.annotations?.[provisionedBy] ?? spec?.csi?.driver) !== driverName) return "nothing";
  if (spec?.csi?.driver !== driverName) return "nothing";
  if (node !== undefined && !isReachable(spec.nodeAffinity, node.segments)) return "nothing";
  const isProtected = hasFinalizer(volume, volumeFinalizer);
  const isDeleted = metadata.deletionTimestamp !== undefined;
  if (spec.persistentVolumeReclaimPolicy !== "Delete") return isProtected ? "unprotect" : "nothing";
  if (status?.phase === "Released") return isDeleted && !isProtected ? "nothing" : "delete";
  if (status?.phase === "Bound" && !isDeleted && !isProtected) return "protect";
  return "nothing";
}
