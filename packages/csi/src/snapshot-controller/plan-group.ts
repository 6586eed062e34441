import type { Cached } from "@kx/controllers";
import { volumeOf } from "./claim-volumes.ts";
import { defaultClass } from "./classes.ts";
import { dynamicGroupContentName, type GroupProblem, isBoundToGroup, mismatch } from "./group-contents.ts";
import type { GroupWorld } from "./group-world.ts";
import { annotations, finalizers } from "./names.ts";
import { planGroupContent } from "./plan-group-content.ts";
import { planGroupDeletion } from "./plan-group-deletion.ts";
import { planMembers } from "./plan-group-members.ts";
import { type SnapshotClass, VolumeGroupSnapshot, VolumeGroupSnapshotContent } from "./resources.ts";
import { copyGroupStatus } from "./snapshot-status.ts";
import { changeFinalizers, fail, type Step } from "./steps.ts";

/** Decides what is to be done next for a VolumeGroupSnapshot. Each change that it makes brings it back here. */
export function planGroup(group: Cached<VolumeGroupSnapshot>, world: GroupWorld): readonly Step[] {
  return group.metadata.deletionTimestamp === undefined ? planLiving(group, world) : planGroupDeletion(group, world);
}

function planLiving(group: Cached<VolumeGroupSnapshot>, world: GroupWorld): readonly Step[] {
  const failed = (reason: string, message: string, isNotReady = true, retry = true) =>
    fail(VolumeGroupSnapshot, group, { reason, message, isNotReady, retry }, world.nowMs);

  const classed = classOf(group, world);
  if ("steps" in classed) return classed.steps;
  if ("problem" in classed) return failed(classed.reason, classed.problem, false);

  const given = group.spec.source.volumeGroupSnapshotContentName;
  const bound = group.status?.boundVolumeGroupSnapshotContentName;
  const content = world.content(given ?? dynamicGroupContentName(group));
  if (content !== undefined) {
    const problem = mismatch(group, content);
    if (problem !== undefined) return failed(problem.reason, problem.message);
  }
  // Before there is a content: a group that is deleted right then would leave it behind.
  const protect = changeFinalizers(VolumeGroupSnapshot, group, { add: [finalizers.groupBound] });
  if (protect !== undefined) return [protect];

  if (group.status?.readyToUse === true && bound !== undefined) {
    const message = brokenBinding(group, world.content(bound));
    return message === undefined ? [] : failed(message.reason, message.message, true, false);
  }
  if (given !== undefined) {
    if (content !== undefined) return bindReserved(group, content) ?? copyGroupStatus(group, content);
    return failed("GroupSnapshotContentMissing", "VolumeGroupSnapshotContent is missing");
  }
  if (content !== undefined) return planMembers(group, content, world) ?? copyGroupStatus(group, content);
  return classed.class === undefined ? [] : planGroupContent(group, classed.class, world);
}

type FoundClass =
  | { readonly class: Cached<SnapshotClass> | undefined }
  | { readonly steps: readonly Step[] }
  | { readonly reason: string; readonly problem: string };

/** The class of a group snapshot; the step that names it the default one of its driver. */
function classOf(group: Cached<VolumeGroupSnapshot>, world: GroupWorld): FoundClass {
  const { source, volumeGroupSnapshotClassName: named } = group.spec;
  if (named !== undefined) {
    const found = world.classes().find(({ metadata }) => metadata.name === named);
    if (found !== undefined) return { class: found };
    const problem = `failed to get group snapshot class with error VolumeGroupSnapshotClass ${named} does not exist`;
    return { reason: "GetGroupSnapshotClassFailed", problem };
  }
  if (source.selector === undefined) return { class: undefined };
  const unset = (why: string) => ({
    reason: "SetDefaultGroupSnapshotClassFailed",
    problem: `Failed to set default group snapshot class with error ${why}`,
  });
  const [claim] = world.claims(group.metadata.namespace ?? "", source.selector);
  if (claim === undefined) return unset("the selector means no claim");
  const volume = volumeOf(claim, (name) => world.volume(name));
  if ("problem" in volume) return unset(volume.problem);
  const first = defaultClass(world.classes(), volume.driver, annotations.defaultGroupClass);
  if (typeof first === "string") return unset(first);
  const patch = { spec: { volumeGroupSnapshotClassName: first.metadata.name } };
  return { steps: [{ do: "patch", resource: VolumeGroupSnapshot, object: group, patch }] };
}

function brokenBinding(
  group: Cached<VolumeGroupSnapshot>,
  content: Cached<VolumeGroupSnapshotContent> | undefined,
): GroupProblem | undefined {
  if (content === undefined) {
    return { reason: "GroupSnapshotContentMissing", message: "VolumeGroupSnapshotContent is missing" };
  }
  if (isBoundToGroup(content, group)) return undefined;
  const message = "VolumeGroupSnapshotContent is not bound to the VolumeGroupSnapshot correctly";
  return { reason: "GroupSnapshotMisbound", message };
}

/** Binds a content that was reserved for this group snapshot. */
function bindReserved(
  group: Cached<VolumeGroupSnapshot>,
  content: Cached<VolumeGroupSnapshotContent>,
): readonly Step[] | undefined {
  const { volumeGroupSnapshotRef: ref, volumeGroupSnapshotClassName: known } = content.spec;
  const className = group.spec.volumeGroupSnapshotClassName;
  const needsClass = known === undefined && className !== undefined;
  if (ref.uid === group.metadata.uid && !needsClass) return undefined;
  const spec = {
    volumeGroupSnapshotRef: { ...ref, uid: group.metadata.uid },
    ...(needsClass ? { volumeGroupSnapshotClassName: className } : {}),
  };
  return [{ do: "patch", resource: VolumeGroupSnapshotContent, object: content, patch: { spec } }];
}
