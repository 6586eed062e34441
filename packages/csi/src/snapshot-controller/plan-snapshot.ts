import type { Cached, DeepReadonly } from "@kx/controllers";
import { volumeOf } from "./claim-volumes.ts";
import { defaultClass } from "./classes.ts";
import { groupOwner } from "./group-contents.ts";
import { annotations, finalizers } from "./names.ts";
import { planContent } from "./plan-snapshot-content.ts";
import { planDeletion, releaseClaim } from "./plan-snapshot-deletion.ts";
import { type SnapshotClass, VolumeSnapshot, VolumeSnapshotContent } from "./resources.ts";
import { contentOf, isBoundTo } from "./snapshot-contents.ts";
import { copyStatus } from "./snapshot-status.ts";
import { groupOwnerOf, type SnapshotWorld } from "./snapshot-world.ts";
import { changeFinalizers, type Failure, fail, type Step } from "./steps.ts";

/** Decides what is to be done next for a VolumeSnapshot. Each change that it makes brings the snapshot back here. */
export function planSnapshot(snapshot: Cached<VolumeSnapshot>, world: SnapshotWorld): readonly Step[] {
  const release = releaseClaim(snapshot, world, false).filter((step) => step !== undefined);
  const rest =
    snapshot.metadata.deletionTimestamp === undefined ? planLiving(snapshot, world) : planDeletion(snapshot, world);
  // A deletion releases the claim itself.
  return [...(snapshot.metadata.deletionTimestamp === undefined ? release : []), ...rest];
}

function planLiving(snapshot: Cached<VolumeSnapshot>, world: SnapshotWorld): readonly Step[] {
  const failed = (failure: Omit<Failure, "isNotReady" | "retry"> & Partial<Failure>) =>
    fail(VolumeSnapshot, snapshot, { isNotReady: true, retry: true, ...failure }, world.nowMs);

  const classed = classOf(snapshot, world);
  if ("steps" in classed) return classed.steps;
  if ("problem" in classed) return failed({ reason: classed.reason, message: classed.problem, isNotReady: false });

  const found = contentOf(snapshot, world);
  if ("problem" in found) return failed({ reason: found.reason, message: found.problem });
  const { content } = found;
  const protect = changeFinalizers(VolumeSnapshot, snapshot, { add: neededFinalizers(snapshot, content) });
  if (protect !== undefined) return [protect];

  const bound = snapshot.status?.boundVolumeSnapshotContentName;
  if (snapshot.status?.readyToUse === true && bound !== undefined) return planReady(snapshot, bound, world);
  if (snapshot.spec.source.volumeSnapshotContentName !== undefined) {
    if (content !== undefined) return bindReserved(snapshot, content) ?? copied(snapshot, content, world);
    return failed({ reason: "SnapshotContentMissing", message: "VolumeSnapshotContent is missing" });
  }
  if (groupOwnerOf(snapshot) !== undefined) return planMember(snapshot, bound, world);
  if (content === undefined) {
    // classOf has found one for each snapshot of a claim.
    return classed.class === undefined ? [] : planContent(snapshot, classed.class, world);
  }
  return copied(snapshot, content, world);
}

type FoundClass =
  | { readonly class: Cached<SnapshotClass> | undefined }
  | { readonly steps: readonly Step[] }
  | { readonly reason: string; readonly problem: string };

/** The class of a snapshot; the step that names it the default one of its driver. Only snapshots of claims need one. */
function classOf(snapshot: Cached<VolumeSnapshot>, world: SnapshotWorld): FoundClass {
  const named = snapshot.spec.volumeSnapshotClassName;
  if (named !== undefined) {
    const snapshotClass = world.classes().find(({ metadata }) => metadata.name === named);
    if (snapshotClass !== undefined) return { class: snapshotClass };
    const problem = `Failed to get snapshot class with error VolumeSnapshotClass ${named} does not exist`;
    return { reason: "GetSnapshotClassFailed", problem };
  }
  const { persistentVolumeClaimName } = snapshot.spec.source;
  if (persistentVolumeClaimName === undefined || groupOwnerOf(snapshot) !== undefined) return { class: undefined };
  const unset = (why: string) => ({
    reason: "SetDefaultSnapshotClassFailed",
    problem: `Failed to set default snapshot class with error ${why}`,
  });
  const claim = world.claim(snapshot.metadata.namespace ?? "", persistentVolumeClaimName);
  if (claim === undefined) return unset(`the claim ${persistentVolumeClaimName} does not exist`);
  const found = volumeOf(claim, (name) => world.volume(name));
  if ("problem" in found) return unset(found.problem);
  const first = defaultClass(world.classes(), found.driver, annotations.defaultClass);
  if (typeof first === "string") return unset(first);
  const patch = { spec: { volumeSnapshotClassName: first.metadata.name } };
  return { steps: [{ do: "patch", resource: VolumeSnapshot, object: snapshot, patch }] };
}

function neededFinalizers(
  { status }: Cached<VolumeSnapshot>,
  content: Cached<VolumeSnapshotContent> | undefined,
): readonly string[] {
  const isBound = content?.spec.deletionPolicy === "Delete" && status?.boundVolumeSnapshotContentName !== undefined;
  return [finalizers.snapshotAsSource, ...(isBound ? [finalizers.snapshotBound] : [])];
}

/** A snapshot that is ready stays so as long as its binding holds. */
function planReady(snapshot: Cached<VolumeSnapshot>, bound: string, world: SnapshotWorld): readonly Step[] {
  const failed = (reason: string, message: string) =>
    fail(VolumeSnapshot, snapshot, { reason, message, isNotReady: true, retry: false }, world.nowMs);
  const content = world.content(bound);
  if (content === undefined) return failed("SnapshotContentMissing", "VolumeSnapshotContent is missing");
  if (!isBoundTo(content, snapshot)) {
    return failed("SnapshotMisbound", "VolumeSnapshotContent is not bound to the VolumeSnapshot correctly");
  }
  return adopt(snapshot, world);
}

/** A snapshot of a group that existed before gets its group as owner. */
function adopt(snapshot: Cached<VolumeSnapshot>, world: SnapshotWorld): readonly Step[] {
  const groupName = snapshot.status?.volumeGroupSnapshotName;
  if (groupName === undefined || groupOwnerOf(snapshot) !== undefined) return [];
  const group = world.group(snapshot.metadata.namespace ?? "", groupName);
  if (group === undefined) return [{ do: "retry", why: `the group snapshot ${groupName} does not exist` }];
  const ownerReferences = [...(snapshot.metadata.ownerReferences ?? []), groupOwner(group)];
  return [{ do: "patch", resource: VolumeSnapshot, object: snapshot, patch: { metadata: { ownerReferences } } }];
}

/** Binds a content that was reserved for this snapshot. */
function bindReserved(
  snapshot: Cached<VolumeSnapshot>,
  content: Cached<VolumeSnapshotContent>,
): readonly Step[] | undefined {
  const { volumeSnapshotRef: ref, volumeSnapshotClassName } = content.spec;
  if (ref.uid === snapshot.metadata.uid && volumeSnapshotClassName !== undefined) return undefined;
  const className = snapshot.spec.volumeSnapshotClassName;
  if (ref.uid === snapshot.metadata.uid && className === undefined) return undefined;
  const spec = {
    volumeSnapshotRef: { ...ref, uid: snapshot.metadata.uid },
    ...(className === undefined ? {} : { volumeSnapshotClassName: className }),
  };
  return [{ do: "patch", resource: VolumeSnapshotContent, object: content, patch: { spec } }];
}

function planMember(
  snapshot: Cached<VolumeSnapshot>,
  bound: string | undefined,
  world: SnapshotWorld,
): readonly Step[] {
  const content = bound === undefined ? undefined : world.content(bound);
  // Who makes the group's snapshots binds them as well.
  return content === undefined ? [] : copied(snapshot, content, world);
}

function copied(
  snapshot: Cached<VolumeSnapshot>,
  content: DeepReadonly<VolumeSnapshotContent>,
  world: SnapshotWorld,
): readonly Step[] {
  const handle = content.status?.volumeGroupSnapshotHandle;
  if (handle === undefined) return copyStatus(snapshot, content, undefined);
  const group = world.groupContent(content.spec.driver, handle)?.spec.volumeGroupSnapshotRef.name;
  if (group === undefined) return [{ do: "retry", why: `no VolumeGroupSnapshotContent has the handle ${handle}` }];
  return copyStatus(snapshot, content, group);
}
