import type { DeepReadonly, Stored } from "@kx/controllers";
import type { PersistentVolume } from "@kx/controllers/api/core-v1";
import { KxError } from "@kx/core";
import type { VolumeSnapshot, VolumeSnapshotContent } from "../../snapshot-controller/resources.ts";
import { hasFinalizer } from "../finalizers.ts";
import { bytesOf } from "../sizes.ts";
import { cloneFinalizer, snapshotFinalizer } from "./names.ts";
import type { Claim } from "./plan-claim.ts";

/** What a claim wants its volume to be filled with. */
export type DataSource =
  | { readonly kind: "claim" | "snapshot"; readonly namespace: string; readonly name: string }
  /** Somebody else fills volumes with this kind of thing, and makes them too. */
  | { readonly kind: "foreign"; readonly foreignKind: string };

const snapshotGroup = "snapshot.storage.k8s.io";

/** The source that a claim names; undefined for an empty volume. */
export function dataSourceOf(claim: Claim): DataSource | undefined {
  const { dataSource, dataSourceRef } = claim.spec ?? {};
  const source = dataSource ?? dataSourceRef;
  if (source === undefined) return undefined;
  const { kind, name } = source;
  // The API server writes null for the core group.
  const apiGroup = source.apiGroup ?? "";
  const { namespace = "" } = claim.metadata;
  if (source === dataSourceRef && (dataSourceRef.namespace ?? namespace) !== namespace) {
    throw refused(
      `its dataSourceRef is of namespace ${dataSourceRef.namespace}, and sources of other namespaces are not used`,
    );
  }
  if (kind === "PersistentVolumeClaim" && apiGroup === "") return { kind: "claim", namespace, name };
  if (kind === "VolumeSnapshot" && apiGroup === snapshotGroup) return { kind: "snapshot", namespace, name };
  return { kind: "foreign", foreignKind: kind };
}

/** Another claim whose volume is to be copied, and its volume. */
export interface CloneSource {
  readonly claim: Claim | undefined;
  readonly volume: DeepReadonly<PersistentVolume> | undefined;
}

/**
 * The handle of the volume that a claim is to be a copy of.
 *
 * @throws KxError `KX_CSI_SOURCE` if it is not ready, or cannot be copied to this claim.
 */
export function cloneHandle(claim: Claim, driverName: string, source: CloneSource): string {
  const { claim: from, volume } = source;
  if (from === undefined) throw notReady("the claim to be copied does not exist");
  if (from.status?.phase !== "Bound") throw notReady("the claim to be copied is not bound");
  // With our finalizer the copy began before the deletion: what it made must not be lost.
  const isBegun = hasFinalizer(from, cloneFinalizer);
  if (from.metadata.deletionTimestamp !== undefined && !isBegun)
    throw refused("the claim to be copied is being deleted");
  if (from.spec?.storageClassName === undefined) throw refused("the claim to be copied has no StorageClass");
  const [wanted, there] = [requestedBytes(claim), requestedBytes(from)];
  if (wanted < there) throw refused(`${wanted} bytes are asked for, fewer than the ${there} of the claim to be copied`);
  const { csi, claimRef } = volume?.spec ?? {};
  const isBoundHere = claimRef?.uid === from.metadata.uid && volume?.status?.phase === "Bound";
  if (csi === undefined || !isBoundHere) throw notReady("the volume of the claim to be copied is not bound to it");
  if (csi.driver !== driverName) throw refused(`the claim to be copied is of the driver ${csi.driver}`);
  const [mode, sourceMode] = [modeOf(claim.spec), modeOf(volume?.spec)];
  if (mode !== sourceMode)
    throw refused(`volumeMode ${mode} is asked for, and the volume to be copied is ${sourceMode}`);
  return csi.volumeHandle;
}

/** A snapshot that a volume is to be filled with. */
export interface SnapshotSource {
  readonly snapshot: Stored<VolumeSnapshot>;
  readonly content: Stored<VolumeSnapshotContent> | undefined;
}

const allowModeChange = "snapshot.storage.kubernetes.io/allow-volume-mode-change";

/**
 * The handle of the snapshot that a claim is to be restored from. `keepsMode`: not to a volume of another mode.
 *
 * @throws KxError `KX_CSI_SOURCE` if it is not ready, or cannot be restored to this claim.
 */
export function snapshotHandle(
  claim: Claim,
  driverName: string,
  { snapshot, content }: SnapshotSource,
  keepsMode = true,
): string {
  const { status = {} } = snapshot;
  const isBegun = hasFinalizer(snapshot, snapshotFinalizer);
  if (snapshot.metadata.deletionTimestamp !== undefined && !isBegun) throw refused("the snapshot is being deleted");
  if (status.boundVolumeSnapshotContentName === undefined) throw notReady("the snapshot is not bound");
  if (content === undefined) throw notReady("the snapshot's content does not exist");
  if (content.spec.volumeSnapshotRef.uid !== snapshot.metadata.uid) {
    throw refused("the snapshot's content belongs to another snapshot");
  }
  if (content.spec.driver !== driverName) throw refused(`the snapshot is of the driver ${content.spec.driver}`);
  if (status.readyToUse !== true) throw notReady("the snapshot is not ready to use");
  if (content.status?.snapshotHandle === undefined) throw notReady("the snapshot has no handle");
  const [wanted, size] = [requestedBytes(claim), bytesOf(status.restoreSize)];
  if (wanted < size) throw refused(`${wanted} bytes are asked for, fewer than the ${size} of the snapshot`);
  const [mode, sourceMode] = [modeOf(claim.spec), content.spec.sourceVolumeMode ?? modeOf(claim.spec)];
  if (keepsMode && mode !== sourceMode && content.metadata.annotations?.[allowModeChange] !== "true") {
    throw refused(
      `volumeMode ${mode} is asked for, the snapshot's is ${sourceMode}, and its VolumeSnapshotContent has not the annotation ${allowModeChange}: "true"`,
    );
  }
  return content.status.snapshotHandle;
}

/** How many bytes a claim asks for. */
export function requestedBytes(claim: Claim): bigint {
  return bytesOf(claim.spec?.resources?.requests?.["storage"]);
}

/** `Filesystem` or `Block`. */
export function modeOf(spec: { readonly volumeMode?: string } | undefined): string {
  return spec?.volumeMode ?? "Filesystem";
}

function notReady(reason: string): KxError {
  return new KxError("KX_CSI_SOURCE", reason, { retryable: true });
}

function refused(reason: string): KxError {
  return new KxError("KX_CSI_SOURCE", reason);
}
