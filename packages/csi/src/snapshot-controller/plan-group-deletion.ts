import type { Cached } from "@kx/controllers";
import { dynamicGroupContentName, isBoundToGroup } from "./group-contents.ts";
import type { GroupWorld } from "./group-world.ts";
import { annotations, finalizers } from "./names.ts";
import { VolumeGroupSnapshot, VolumeGroupSnapshotContent, VolumeSnapshot } from "./resources.ts";
import { annotate, changeFinalizers, type Step } from "./steps.ts";

/** What to do for a group snapshot that is being deleted: its content and its snapshots go before it. */
export function planGroupDeletion(group: Cached<VolumeGroupSnapshot>, world: GroupWorld): readonly Step[] {
  if (group.metadata.finalizers?.includes(finalizers.groupBound) !== true) return [];
  const members = world.members(group);
  const restored = members.find((member) => world.isRestored(member));
  if (restored !== undefined) {
    const { namespace, name } = restored.metadata;
    const message =
      `Snapshot ${namespace}/${name} belonging to VolumeGroupSnapshot ${namespace}/${group.metadata.name} is being ` +
      "used to restore a PVC";
    const event = { type: "Warning", reason: "SnapshotDeletePending", message } as const;
    return [
      { do: "event", about: group, event },
      { do: "retry", why: message },
    ];
  }
  const content = boundContent(group, world);
  const isDeletedToo = content?.spec.deletionPolicy === "Delete";
  const steps: (Step | undefined)[] = [];
  if (content !== undefined) {
    // Whatever the policy is: the sidecar must know when the content is deleted later.
    steps.push(annotate(VolumeGroupSnapshotContent, content, annotations.groupBeingDeleted, "yes"));
    if (isDeletedToo && content.metadata.deletionTimestamp === undefined) {
      steps.push({ do: "delete", resource: VolumeGroupSnapshotContent, object: content });
    }
  }
  for (const member of members) {
    if (member.metadata.deletionTimestamp !== undefined) continue;
    steps.push({ do: "delete", resource: VolumeSnapshot, object: member });
  }
  if (!isDeletedToo) steps.push(changeFinalizers(VolumeGroupSnapshot, group, { remove: [finalizers.groupBound] }));
  return steps.filter((step) => step !== undefined);
}

/** The content whose binding holds from both sides. */
function boundContent(group: Cached<VolumeGroupSnapshot>, world: GroupWorld) {
  const isDynamic = group.spec.source.selector !== undefined;
  // The status may not have been written after the content was made.
  const name =
    group.status?.boundVolumeGroupSnapshotContentName ?? (isDynamic ? dynamicGroupContentName(group) : undefined);
  const content = name === undefined ? undefined : world.content(name);
  return content !== undefined && isBoundToGroup(content, group) ? content : undefined;
}
