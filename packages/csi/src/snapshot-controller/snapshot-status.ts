import type { Cached, DeepReadonly, EventInput } from "@kx/controllers";
import { formatQuantity, parseQuantity } from "@kx/core/units";
import {
  VolumeGroupSnapshot,
  type VolumeGroupSnapshotContent,
  type VolumeGroupSnapshotStatus,
  VolumeSnapshot,
  type VolumeSnapshotContent,
  type VolumeSnapshotStatus,
} from "./resources.ts";
import { type Step, timeOf } from "./steps.ts";

/** The steps that bring the status of a snapshot to what its content says; none if it is. */
export function copyStatus(
  snapshot: Cached<VolumeSnapshot>,
  content: DeepReadonly<VolumeSnapshotContent>,
  groupName: string | undefined,
): readonly Step[] {
  const patch = statusPatch(snapshot.status ?? {}, content, groupName);
  if (Object.keys(patch).length === 0) return [];
  const events = newsOf(snapshot, patch).map((event): Step => ({ do: "event", about: snapshot, event }));
  return [
    { do: "patch", resource: VolumeSnapshot, object: snapshot, patch: { status: patch }, subresource: "status" },
    ...events,
  ];
}

/** A merge patch: null takes a field away. */
type StatusPatch = { [K in keyof VolumeSnapshotStatus]?: DeepReadonly<VolumeSnapshotStatus>[K] | null };

/** What is once known of a snapshot stays; whether it is ready, and the error, follow the content. */
function statusPatch(
  known: DeepReadonly<VolumeSnapshotStatus>,
  content: DeepReadonly<VolumeSnapshotContent>,
  groupName: string | undefined,
): StatusPatch {
  const { creationTime, readyToUse = false, restoreSize, error } = content.status ?? {};
  const patch: StatusPatch = {};
  if (known.boundVolumeSnapshotContentName === undefined)
    patch.boundVolumeSnapshotContentName = content.metadata.name ?? "";
  if (known.creationTime === undefined && creationTime !== undefined) patch.creationTime = timeOf(creationTime / 1e6);
  if (known.readyToUse !== readyToUse) patch.readyToUse = readyToUse;
  if (restoreSize !== undefined && isUnknownSize(known.restoreSize, restoreSize))
    patch.restoreSize = bytes(restoreSize);
  if (known.error?.message !== error?.message || known.error?.time !== error?.time) patch.error = error ?? null;
  if (known.volumeGroupSnapshotName === undefined && groupName !== undefined) patch.volumeGroupSnapshotName = groupName;
  return patch;
}

function isUnknownSize(known: string | undefined, size: number): boolean {
  return known === undefined || (size > 0 && parseQuantity(known).nanos === 0n);
}

function bytes(size: number): string {
  return formatQuantity({ nanos: BigInt(size) * 1_000_000_000n, format: "binary" });
}

function newsOf({ metadata, status }: Cached<VolumeSnapshot>, patch: StatusPatch): readonly EventInput[] {
  const name = `${metadata.namespace}/${metadata.name}`;
  const news: EventInput[] = [];
  if (status?.creationTime === undefined && patch.creationTime !== undefined) {
    news.push({
      type: "Normal",
      reason: "SnapshotCreated",
      message: `Snapshot ${name} was successfully created by the CSI driver.`,
    });
  }
  if (status?.readyToUse !== true && patch.readyToUse === true) {
    news.push({ type: "Normal", reason: "SnapshotReady", message: `Snapshot ${name} is ready to use.` });
  }
  return news;
}

type GroupStatusPatch = { [K in keyof VolumeGroupSnapshotStatus]?: DeepReadonly<VolumeGroupSnapshotStatus>[K] | null };

/** The steps that bring the status of a group snapshot to what its content says; none if it is. */
export function copyGroupStatus(
  group: Cached<VolumeGroupSnapshot>,
  content: Cached<VolumeGroupSnapshotContent>,
): readonly Step[] {
  const known = group.status ?? {};
  const { creationTime, readyToUse = false, error } = content.status ?? {};
  const patch: GroupStatusPatch = {};
  if (known.boundVolumeGroupSnapshotContentName === undefined) {
    patch.boundVolumeGroupSnapshotContentName = content.metadata.name;
  }
  if (known.creationTime === undefined && creationTime !== undefined) patch.creationTime = creationTime;
  if (known.readyToUse !== readyToUse) patch.readyToUse = readyToUse;
  if (known.error?.message !== error?.message || known.error?.time !== error?.time) patch.error = error ?? null;
  if (Object.keys(patch).length === 0) return [];
  const name = `${group.metadata.namespace}/${group.metadata.name}`;
  const news: Step[] = [];
  const tell = (reason: string, message: string) =>
    news.push({ do: "event", about: group, event: { type: "Normal", reason, message } });
  if (patch.creationTime !== undefined) {
    tell("GroupSnapshotCreated", `GroupSnapshot ${name} was successfully created by the CSI driver.`);
  }
  if (patch.readyToUse === true) tell("GroupSnapshotReady", `GroupSnapshot ${name} is ready to use.`);
  return [
    { do: "patch", resource: VolumeGroupSnapshot, object: group, patch: { status: patch }, subresource: "status" },
    ...news,
  ];
}
