import type { VolumeGroupSnapshot as Group, Snapshot } from "@kx/core/contracts/csi";
import { annotations, finalizers } from "../../snapshot-controller/names.ts";
import {
  VolumeGroupSnapshotClass,
  VolumeGroupSnapshotContent,
  type VolumeGroupSnapshotContentStatus,
  type VolumeSnapshotInfo,
} from "../../snapshot-controller/resources.ts";
import { timeOf } from "../../snapshot-controller/steps.ts";
import { reservedPrefix, secretRefOf } from "../secrets.ts";
import type { ContentKind } from "./content-kind.ts";
import { groupState } from "./plan-content.ts";
import { nanosOf } from "./snapshot-contents.ts";

/** Contents of group snapshots, which are named by a prefix and the uid of their VolumeGroupSnapshot. */
export const groupContents = (prefix = "groupsnapshot"): ContentKind<VolumeGroupSnapshotContent> => ({
  resource: VolumeGroupSnapshotContent,
  finalizer: finalizers.groupContentBound,
  beingCreated: annotations.groupBeingCreated,
  deletionSecret: {
    name: annotations.groupDeletionSecretName,
    namespace: annotations.groupDeletionSecretNamespace,
  },
  reasons: {
    create: "GroupSnapshotCreationFailed",
    look: "GroupSnapshotContentCheckandUpdateFailed",
    delete: "GroupSnapshotDeleteError",
  },
  state: groupState,
  className: ({ spec }) => spec.volumeGroupSnapshotClassName,
  classOf({ spec }, cache) {
    const name = spec.volumeGroupSnapshotClassName;
    return name === undefined ? undefined : cache.get(VolumeGroupSnapshotClass, { name });
  },
  names: ({ metadata, spec }) => ({
    [`${reservedPrefix}volumegroupsnapshot/name`]: spec.volumeGroupSnapshotRef.name ?? "",
    [`${reservedPrefix}volumegroupsnapshot/namespace`]: spec.volumeGroupSnapshotRef.namespace ?? "",
    [`${reservedPrefix}volumegroupsnapshotcontent/name`]: metadata.name,
  }),
  lookSecret({ metadata, spec }, groupClass) {
    const { name = "", namespace = "" } = spec.volumeGroupSnapshotRef;
    const inNamespace = {
      "volumegroupsnapshotcontent.name": metadata.name,
      "volumegroupsnapshot.namespace": namespace,
    };
    return secretRefOf("group-snapshotter-get", groupClass?.parameters ?? {}, {
      name: { ...inNamespace, "volumegroupsnapshot.name": name },
      namespace: inNamespace,
    });
  },
  async create({ spec }, parameters, { driver, secrets, options, nowMs }) {
    const name = `${prefix}-${spec.volumeGroupSnapshotRef.uid}`;
    const request = { name, sourceVolumeIds: [...(spec.source.volumeHandles ?? [])], parameters, secrets };
    const { groupSnapshot } = await driver.groupController.createVolumeGroupSnapshot(request, options);
    return { ...statusOf(groupSnapshot, nowMs), volumeSnapshotInfoList: groupSnapshot?.snapshots.map(infoOf) ?? [] };
  },
  async look({ spec }, { driver, secrets, options, nowMs }) {
    const handles = spec.source.groupSnapshotHandles;
    const request = {
      groupSnapshotId: handles?.volumeGroupSnapshotHandle ?? "",
      snapshotIds: [...(handles?.volumeSnapshotHandles ?? [])],
      secrets,
    };
    const { groupSnapshot } = await driver.groupController.getVolumeGroupSnapshot(request, options);
    return statusOf(groupSnapshot, nowMs);
  },
  async delete({ spec, status }, { driver, secrets, options }) {
    const given = spec.source.groupSnapshotHandles;
    const taken = (status?.volumeSnapshotInfoList ?? []).map(({ snapshotHandle = "" }) => snapshotHandle);
    const request = {
      groupSnapshotId: status?.volumeGroupSnapshotHandle ?? given?.volumeGroupSnapshotHandle ?? "",
      snapshotIds: taken.length > 0 ? taken : [...(given?.volumeSnapshotHandles ?? [])],
      secrets,
    };
    await driver.groupController.deleteVolumeGroupSnapshot(request, options);
  },
  told: ["volumeGroupSnapshotHandle", "readyToUse", "creationTime", "error"],
});

function statusOf(group: Group | undefined, nowMs: number): VolumeGroupSnapshotContentStatus {
  const nanos = nanosOf(group?.creationTime);
  return {
    volumeGroupSnapshotHandle: group?.groupSnapshotId ?? "",
    readyToUse: group?.readyToUse ?? false,
    creationTime: timeOf(nanos === undefined ? nowMs : nanos / 1e6),
  };
}

function infoOf({ sourceVolumeId, snapshotId, creationTime, readyToUse, sizeBytes }: Snapshot): VolumeSnapshotInfo {
  const nanos = nanosOf(creationTime);
  return {
    volumeHandle: sourceVolumeId,
    snapshotHandle: snapshotId,
    readyToUse,
    ...(nanos === undefined ? {} : { creationTime: nanos }),
    ...(sizeBytes > 0n ? { restoreSize: Number(sizeBytes) } : {}),
  };
}
