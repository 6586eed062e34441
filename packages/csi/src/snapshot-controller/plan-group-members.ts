import { createHash } from "node:crypto";
import type { Cached, DeepReadonly } from "@kx/controllers";
import { apiVersionOf } from "@kx/controllers";
import { groupOwner } from "./group-contents.ts";
import type { GroupWorld } from "./group-world.ts";
import { annotations, finalizers } from "./names.ts";
import {
  type VolumeGroupSnapshot,
  type VolumeGroupSnapshotContent,
  VolumeSnapshot,
  VolumeSnapshotContent,
  type VolumeSnapshotContentStatus,
  type VolumeSnapshotInfo,
} from "./resources.ts";
import type { Step } from "./steps.ts";

/**
 * Makes a VolumeSnapshot and its content for each snapshot of a group that the driver has taken, and binds them. Undefined
 * if nothing is left to do.
 */
export function planMembers(
  group: Cached<VolumeGroupSnapshot>,
  content: Cached<VolumeGroupSnapshotContent>,
  world: GroupWorld,
): readonly Step[] | undefined {
  const handle = content.status?.volumeGroupSnapshotHandle;
  if (handle === undefined) return undefined;
  const infos = content.status?.volumeSnapshotInfoList ?? [];
  const steps = infos.flatMap((info) => planMember({ group, content, handle, info }, world));
  return steps.length === 0 ? undefined : steps;
}

interface Member {
  readonly group: Cached<VolumeGroupSnapshot>;
  readonly content: Cached<VolumeGroupSnapshotContent>;
  /** CSI id of the group snapshot. */
  readonly handle: string;
  readonly info: DeepReadonly<VolumeSnapshotInfo>;
}

function planMember(member: Member, world: GroupWorld): readonly Step[] {
  const { group, info } = member;
  const id = createHash("sha256").update(`${group.metadata.uid}${info.volumeHandle}`).digest("hex");
  const names = { snapshot: `snapshot-${id}`, content: `snapcontent-${id}` };
  const snapshot = world.snapshot(group.metadata.namespace ?? "", names.snapshot);
  const content = world.snapshotContent(names.content);
  const steps: Step[] = [];
  if (content === undefined) {
    steps.push({ do: "create", resource: VolumeSnapshotContent, object: contentFor(member, names, world) });
  }
  if (snapshot === undefined) {
    steps.push({ do: "create", resource: VolumeSnapshot, object: snapshotFor(member, names, world) });
  }
  // What was just made comes back with its uid.
  return content === undefined || snapshot === undefined ? steps : bind(member, snapshot, content);
}

function bind(
  { handle, info }: Member,
  snapshot: Cached<VolumeSnapshot>,
  content: Cached<VolumeSnapshotContent>,
): readonly Step[] {
  const { volumeSnapshotRef } = content.spec;
  const { uid } = snapshot.metadata;
  if (volumeSnapshotRef.uid !== uid) {
    const patch = { spec: { volumeSnapshotRef: { ...volumeSnapshotRef, uid } } };
    return [{ do: "patch", resource: VolumeSnapshotContent, object: content, patch }];
  }
  const steps: Step[] = [];
  if (content.status?.snapshotHandle === undefined) {
    const { volumeHandle: _, ...told } = info;
    const status: VolumeSnapshotContentStatus = { ...told, volumeGroupSnapshotHandle: handle };
    steps.push({
      do: "patch",
      resource: VolumeSnapshotContent,
      object: content,
      patch: { status },
      subresource: "status",
    });
  }
  if (snapshot.status?.boundVolumeSnapshotContentName === undefined) {
    const status = { boundVolumeSnapshotContentName: content.metadata.name };
    steps.push({ do: "patch", resource: VolumeSnapshot, object: snapshot, patch: { status }, subresource: "status" });
  }
  return steps;
}

interface Names {
  readonly snapshot: string;
  readonly content: string;
}

function contentFor({ group, content, handle, info }: Member, names: Names, world: GroupWorld): VolumeSnapshotContent {
  const { driver, deletionPolicy } = content.spec;
  const { volumeHandle = "" } = info;
  const mode = world.volumeOfHandle(driver, volumeHandle)?.spec?.volumeMode;
  const known = content.metadata.annotations;
  const [secret, secretNamespace] = [
    known?.[annotations.groupDeletionSecretName],
    known?.[annotations.groupDeletionSecretNamespace],
  ];
  return {
    metadata: {
      name: names.content,
      finalizers: [finalizers.contentBound],
      annotations: {
        [annotations.groupHandle]: handle,
        ...(secret === undefined ? {} : { [annotations.deletionSecretName]: secret }),
        ...(secretNamespace === undefined ? {} : { [annotations.deletionSecretNamespace]: secretNamespace }),
      },
    },
    spec: {
      volumeSnapshotRef: {
        apiVersion: apiVersionOf(VolumeSnapshot),
        kind: VolumeSnapshot.kind,
        name: names.snapshot,
        ...(group.metadata.namespace === undefined ? {} : { namespace: group.metadata.namespace }),
      },
      deletionPolicy,
      driver,
      source: { volumeHandle },
      ...(mode === undefined ? {} : { sourceVolumeMode: mode }),
    },
  };
}

function snapshotFor({ group, content, info }: Member, names: Names, world: GroupWorld): VolumeSnapshot {
  const volume = world.volumeOfHandle(content.spec.driver, info.volumeHandle ?? "");
  const { namespace } = group.metadata;
  return {
    metadata: {
      name: names.snapshot,
      ...(namespace === undefined ? {} : { namespace }),
      ownerReferences: [groupOwner(group)],
      finalizers: [finalizers.snapshotInGroup],
    },
    // The volume's object may have gone meanwhile; the API wants the field.
    spec: { source: { persistentVolumeClaimName: volume?.spec?.claimRef?.name ?? "" } },
  };
}
