import type { Cached } from "@kx/controllers";
import { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { annotations, finalizers } from "./names.ts";
import { type VolumeGroupSnapshot, VolumeSnapshot, VolumeSnapshotContent } from "./resources.ts";
import { dynamicContentName, isBoundTo } from "./snapshot-contents.ts";
import type { SnapshotWorld } from "./snapshot-world.ts";
import { annotate, changeFinalizers, type Step } from "./steps.ts";

const ours: readonly string[] = [finalizers.snapshotAsSource, finalizers.snapshotBound, finalizers.snapshotInGroup];

/** What to do for a snapshot that is being deleted: its content first where it is deleted too, then its finalizers. */
export function planDeletion(snapshot: Cached<VolumeSnapshot>, world: SnapshotWorld): readonly Step[] {
  const held = snapshot.metadata.finalizers ?? [];
  if (!held.some((name) => ours.includes(name))) return [];
  const content = boundContent(snapshot, world);
  const obstacle = content === undefined ? undefined : restoreOf(snapshot, world);
  const group = groupOf(snapshot, world);
  // Its snapshots follow it, each when it is gone.
  if (obstacle === undefined && group?.metadata.deletionTimestamp !== undefined) return [];
  const pending = obstacle ?? (group === undefined ? undefined : membership(snapshot, group));
  if (pending !== undefined) {
    const event = { type: "Warning", reason: "SnapshotDeletePending", message: pending } as const;
    return [
      { do: "event", about: snapshot, event },
      { do: "retry", why: pending },
    ];
  }
  const isDeletedToo = content?.spec.deletionPolicy === "Delete";
  const steps: (Step | undefined)[] = [];
  if (content !== undefined) {
    // Whatever the policy is: the sidecar must know when the content is deleted later.
    steps.push(annotate(VolumeSnapshotContent, content, annotations.beingDeleted, "yes"));
    if (isDeletedToo && content.metadata.deletionTimestamp === undefined) {
      steps.push({ do: "delete", resource: VolumeSnapshotContent, object: content });
    }
  }
  const remove = isDeletedToo ? ours.filter((name) => name !== finalizers.snapshotBound) : ours;
  // The last sign of the snapshot that the claim's finalizer waits for.
  steps.push(...releaseClaim(snapshot, world, true), changeFinalizers(VolumeSnapshot, snapshot, { remove }));
  return steps.filter((step) => step !== undefined);
}

/** The content whose binding holds from both sides. */
function boundContent(
  snapshot: Cached<VolumeSnapshot>,
  world: SnapshotWorld,
): Cached<VolumeSnapshotContent> | undefined {
  const isDynamic = snapshot.spec.source.persistentVolumeClaimName !== undefined;
  // The status may not have been written after the content was made.
  const name =
    snapshot.status?.boundVolumeSnapshotContentName ?? (isDynamic ? dynamicContentName(snapshot) : undefined);
  const content = name === undefined ? undefined : world.content(name);
  return content !== undefined && isBoundTo(content, snapshot) ? content : undefined;
}

function restoreOf(snapshot: Cached<VolumeSnapshot>, world: SnapshotWorld): string | undefined {
  const isRestored = world.claimsFrom(snapshot).some(({ status }) => status?.phase === "Pending");
  return isRestored ? "Snapshot is being used to restore a PVC" : undefined;
}

function groupOf({ metadata, status }: Cached<VolumeSnapshot>, world: SnapshotWorld) {
  const name = status?.volumeGroupSnapshotName;
  return name === undefined ? undefined : world.group(metadata.namespace ?? "", name);
}

function membership({ metadata }: Cached<VolumeSnapshot>, group: Cached<VolumeGroupSnapshot>): string {
  const { name, namespace } = metadata;
  return (
    `deletion of the individual volume snapshot ${namespace}/${name} is not allowed as it belongs to group snapshot ` +
    `${namespace}/${group.metadata.name}; delete the group snapshot, which deletes all of its snapshots`
  );
}

/**
 * Takes the finalizer off the claim that a snapshot is of, if no other snapshot of it is still being taken, nor this one
 * unless it `isLeaving`.
 */
export function releaseClaim(
  snapshot: Cached<VolumeSnapshot>,
  world: SnapshotWorld,
  isLeaving: boolean,
): readonly (Step | undefined)[] {
  const { namespace = "", uid } = snapshot.metadata;
  const name = snapshot.spec.source.persistentVolumeClaimName;
  const claim = name === undefined ? undefined : world.claim(namespace, name);
  if (claim === undefined || claim.metadata.finalizers?.includes(finalizers.claimAsSource) !== true) return [];
  const isInUse = world
    .snapshotsOf(claim)
    .some((other) => other.status?.readyToUse !== true && !(isLeaving && other.metadata.uid === uid));
  return isInUse ? [] : [changeFinalizers(PersistentVolumeClaim, claim, { remove: [finalizers.claimAsSource] })];
}
