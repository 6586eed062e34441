import type { Cached, ObjectLike } from "@kx/controllers";
import { apiVersionOf } from "@kx/controllers";
import { KxError } from "@kx/core";
import { secretRefOf } from "../controllers/secrets.ts";
import { volumeOf } from "./claim-volumes.ts";
import type { GroupWorld } from "./group-world.ts";
import { annotations, finalizers } from "./names.ts";
import { type SnapshotClass, VolumeGroupSnapshot, VolumeGroupSnapshotContent } from "./resources.ts";
import { changeFinalizers, fail, type Step } from "./steps.ts";

/** Makes the content of a group snapshot: the sidecar of its driver takes the snapshots then. */
export function planGroupContent(
  group: Cached<VolumeGroupSnapshot>,
  groupClass: Cached<SnapshotClass>,
  world: GroupWorld,
): readonly Step[] {
  try {
    const object = contentFor(group, groupClass, handlesOf(group, groupClass, world));
    const { namespace, name } = group.metadata;
    const message = `Waiting for a group snapshot ${namespace}/${name} to be created by the CSI driver.`;
    return [
      { do: "create", resource: VolumeGroupSnapshotContent, object },
      { do: "event", about: group, event: { type: "Normal", reason: "CreatingGroupSnapshot", message } },
    ];
  } catch (error) {
    if (!KxError.is(error)) throw error;
    const message = `failed to create group snapshot content with error ${error.message}`;
    const failure = { reason: "GroupSnapshotContentCreationFailed", message, isNotReady: true, retry: true };
    return fail(VolumeGroupSnapshot, group, failure, world.nowMs);
  }
}

/** CSI ids of the volumes of a group. Throws KX_CSI_SNAPSHOT_GROUP if one cannot be snapshotted with the others. */
function handlesOf(group: Cached<VolumeGroupSnapshot>, { driver }: Cached<SnapshotClass>, world: GroupWorld): string[] {
  const claims = world.claims(group.metadata.namespace ?? "", group.spec.source.selector ?? {});
  if (claims.length === 0) throw unable("the selector means no claim");
  return claims.map((claim) => {
    const found = volumeOf(claim, (name) => world.volume(name));
    if ("problem" in found) throw unable(found.problem);
    if (found.driver === driver) return found.handle;
    throw unable(`the volume of claim ${claim.metadata.name} is of driver ${found.driver}, the class of ${driver}`);
  });
}

function unable(why: string): KxError {
  return new KxError("KX_CSI_SNAPSHOT_GROUP", why);
}

function contentFor(
  group: Cached<VolumeGroupSnapshot>,
  groupClass: Cached<SnapshotClass>,
  volumeHandles: string[],
): VolumeGroupSnapshotContent & ObjectLike {
  const { name, namespace = "", uid, resourceVersion } = group.metadata;
  const contentName = `groupsnapcontent-${uid}`;
  const inNamespace = { "volumegroupsnapshotcontent.name": contentName, "volumegroupsnapshot.namespace": namespace };
  const secret = secretRefOf("group-snapshotter", groupClass.parameters ?? {}, {
    name: { ...inNamespace, "volumegroupsnapshot.name": name },
    namespace: inNamespace,
  });
  const secrets =
    secret === undefined
      ? {}
      : {
          [annotations.groupDeletionSecretName]: secret.name,
          [annotations.groupDeletionSecretNamespace]: secret.namespace,
        };
  return {
    // Protected from the start: what is deleted right away may have been taken already.
    metadata: {
      name: contentName,
      finalizers: [finalizers.groupContentBound],
      ...(secret === undefined ? {} : { annotations: secrets }),
    },
    spec: {
      volumeGroupSnapshotRef: {
        apiVersion: apiVersionOf(VolumeGroupSnapshot),
        kind: VolumeGroupSnapshot.kind,
        namespace,
        name,
        uid,
        resourceVersion,
      },
      source: { volumeHandles },
      volumeGroupSnapshotClassName: groupClass.metadata.name,
      deletionPolicy: groupClass.deletionPolicy,
      driver: groupClass.driver,
    },
  };
}

/** Decides what is to be done for a group's content, beside what is done for the group: it is protected once bound. */
export function planBoundGroupContent(content: Cached<VolumeGroupSnapshotContent>): readonly Step[] {
  const { source, volumeGroupSnapshotRef: ref } = content.spec;
  const hasVolumes = (source.volumeHandles ?? []).length > 0;
  if (hasVolumes === (source.groupSnapshotHandles !== undefined)) {
    const message = "Exactly one of GroupSnapshotHandles and VolumeHandles should be specified";
    return [
      { do: "event", about: content, event: { type: "Warning", reason: "GroupContentValidationError", message } },
    ];
  }
  const isReserved = ref.uid === undefined || ref.uid === "";
  if (isReserved || content.metadata.deletionTimestamp !== undefined) return [];
  const protect = changeFinalizers(VolumeGroupSnapshotContent, content, { add: [finalizers.groupContentBound] });
  return protect === undefined ? [] : [protect];
}
