import type { Cached } from "@kx/controllers";
import { apiVersionOf } from "@kx/controllers";
import { VolumeGroupSnapshot, type VolumeGroupSnapshotContent } from "./resources.ts";

/** Name of the content that is made for a group snapshot. */
export function dynamicGroupContentName({ metadata }: Cached<VolumeGroupSnapshot>): string {
  return `groupsnapcontent-${metadata.uid}`;
}

/** Whether a content is bound to a group snapshot. */
export function isBoundToGroup(
  { spec }: Cached<VolumeGroupSnapshotContent>,
  { metadata }: Cached<VolumeGroupSnapshot>,
) {
  const { name, namespace, uid } = spec.volumeGroupSnapshotRef;
  return name === metadata.name && namespace === metadata.namespace && uid === metadata.uid;
}

/** The owner reference to a group. */
export function groupOwner({ metadata: { name, uid } }: Cached<VolumeGroupSnapshot>) {
  return { apiVersion: apiVersionOf(VolumeGroupSnapshot), kind: VolumeGroupSnapshot.kind, name, uid };
}

/** Why a content cannot be used. */
export interface GroupProblem {
  readonly reason: string;
  readonly message: string;
}

/** Why a content cannot be that of a group snapshot. */
export function mismatch(
  group: Cached<VolumeGroupSnapshot>,
  { metadata, spec }: Cached<VolumeGroupSnapshotContent>,
): GroupProblem | undefined {
  const isGiven = group.spec.source.volumeGroupSnapshotContentName !== undefined;
  if (isGiven !== (spec.source.groupSnapshotHandles !== undefined)) {
    const [is, expected] = isGiven
      ? ["dynamically provisioned", "a pre-provisioned"]
      : ["pre-provisioned", "a dynamically provisioned"];
    return {
      reason: "GroupSnapshotContentMismatch",
      message: `VolumeGroupSnapshotContent is ${is} while expecting ${expected} one`,
    };
  }
  const { name, namespace, uid = "" } = spec.volumeGroupSnapshotRef;
  const isNamed = name === group.metadata.name && namespace === group.metadata.namespace;
  if (isNamed && ((isGiven && uid === "") || uid === group.metadata.uid)) return undefined;
  return {
    reason: "GroupSnapshotContentMisbound",
    message: `VolumeGroupSnapshotContent [${metadata.name}] is bound to a different group snapshot`,
  };
}
