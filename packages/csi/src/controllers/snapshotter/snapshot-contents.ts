import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { KxError } from "@kx/core";
import { ControllerCapability, type Snapshot } from "@kx/core/contracts/csi";
import { annotations, finalizers } from "../../snapshot-controller/names.ts";
import {
  VolumeSnapshotClass,
  VolumeSnapshotContent,
  type VolumeSnapshotContentStatus,
} from "../../snapshot-controller/resources.ts";
import { reservedPrefix, secretRefOf } from "../secrets.ts";
import { annotatedSecret } from "./annotated-secret.ts";
import type { ContentCall, ContentKind } from "./content-kind.ts";
import { snapshotState } from "./plan-content.ts";

const deletionSecret = { name: annotations.deletionSecretName, namespace: annotations.deletionSecretNamespace };

/** Contents of snapshots, which are named by a prefix and the uid of their VolumeSnapshot. */
export const snapshotContents = (prefix = "snapshot"): ContentKind<VolumeSnapshotContent> => ({
  resource: VolumeSnapshotContent,
  finalizer: finalizers.contentBound,
  beingCreated: annotations.beingCreated,
  deletionSecret,
  reasons: {
    create: "SnapshotCreationFailed",
    look: "SnapshotContentCheckandUpdateFailed",
    delete: "SnapshotDeleteError",
  },
  state: snapshotState,
  className: ({ spec }) => spec.volumeSnapshotClassName,
  classOf({ spec }, cache) {
    const name = spec.volumeSnapshotClassName;
    return name === undefined ? undefined : cache.get(VolumeSnapshotClass, { name });
  },
  names: ({ metadata, spec }) => ({
    [`${reservedPrefix}volumesnapshot/name`]: spec.volumeSnapshotRef.name ?? "",
    [`${reservedPrefix}volumesnapshot/namespace`]: spec.volumeSnapshotRef.namespace ?? "",
    [`${reservedPrefix}volumesnapshotcontent/name`]: metadata.name,
  }),
  lookSecret(content, snapshotClass) {
    // The snapshots of a group have no class.
    if (snapshotState(content).source === "member") return annotatedSecret(content, deletionSecret);
    const { name = "", namespace = "" } = content.spec.volumeSnapshotRef;
    const inNamespace = { "volumesnapshotcontent.name": content.metadata.name, "volumesnapshot.namespace": namespace };
    return secretRefOf("snapshotter-list", snapshotClass?.parameters ?? {}, {
      name: { ...inNamespace, "volumesnapshot.name": name },
      namespace: inNamespace,
    });
  },
  async create({ spec }, parameters, { driver, secrets, options, nowMs }) {
    const name = `${prefix}-${spec.volumeSnapshotRef.uid}`;
    const request = { name, sourceVolumeId: spec.source.volumeHandle ?? "", parameters, secrets };
    const { snapshot } = await driver.controller.createSnapshot(request, options);
    return statusOf(snapshot, nowMs);
  },
  async look(content, call) {
    const id = content.status?.snapshotHandle ?? content.spec.source.snapshotHandle ?? "";
    const snapshot = await find(id, call);
    // A driver that cannot tell is believed to have it.
    return snapshot === "unknown" ? { snapshotHandle: id, readyToUse: true } : statusOf(snapshot, call.nowMs);
  },
  async delete({ spec, status }, { driver, secrets, options }) {
    const snapshotId = status?.snapshotHandle ?? spec.source.snapshotHandle ?? "";
    await driver.controller.deleteSnapshot({ snapshotId, secrets }, options);
  },
  told: ["snapshotHandle", "readyToUse", "creationTime", "restoreSize", "error"],
});

async function find(snapshotId: string, { driver, secrets, options }: ContentCall): Promise<Snapshot | "unknown"> {
  const { controller } = driver.capabilities;
  if (controller.has(ControllerCapability.GET_SNAPSHOT)) {
    const { snapshot } = await driver.controller.getSnapshot({ snapshotId, secrets }, options);
    if (snapshot !== undefined) return snapshot;
    throw missing(snapshotId);
  }
  if (!controller.has(ControllerCapability.LIST_SNAPSHOTS)) return "unknown";
  const { entries } = await driver.controller.listSnapshots({ snapshotId, secrets }, options);
  const snapshot = entries[0]?.snapshot;
  if (snapshot !== undefined) return snapshot;
  throw missing(snapshotId);
}

function missing(id: string): KxError {
  return new KxError("KX_CSI_NOT_FOUND", `the driver has no snapshot ${id}`, { retryable: true });
}

/** What a content says of a snapshot. */
function statusOf(snapshot: Snapshot | undefined, nowMs: number): VolumeSnapshotContentStatus {
  const { snapshotId = "", sizeBytes = 0n, readyToUse = false, creationTime, groupSnapshotId = "" } = snapshot ?? {};
  return {
    snapshotHandle: snapshotId,
    readyToUse,
    creationTime: nanosOf(creationTime) ?? nowMs * 1e6,
    ...(sizeBytes > 0n ? { restoreSize: Number(sizeBytes) } : {}),
    ...(groupSnapshotId === "" ? {} : { volumeGroupSnapshotHandle: groupSnapshotId }),
  };
}

/** Nanoseconds since 1970, as near as a double comes; undefined for no time. */
export function nanosOf(time: Timestamp | undefined): number | undefined {
  if (time === undefined || (time.seconds === 0n && time.nanos === 0)) return undefined;
  return Number(time.seconds * 1_000_000_000n + BigInt(time.nanos));
}
