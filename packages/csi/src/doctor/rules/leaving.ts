// Objects that are being deleted, and stay.
import type { Cached, ObjectLike } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { attacherFinalizer } from "../../controllers/attacher/plan-attachment.ts";
import { cloneFinalizer, snapshotFinalizer, volumeFinalizer } from "../../controllers/provisioner/names.ts";
import { finalizers as ofSnapshots } from "../../snapshot-controller/names.ts";
import type { VolumeSnapshot } from "../../snapshot-controller/resources.ts";
import type { Found } from "../finding.ts";
import { kubectlRef, refTo, type StorageRef, type StuckKind, showRef } from "../storage-ref.ts";
import type { StorageWorld } from "../storage-world.ts";
import { sourceOf } from "./claim-source.ts";

const claimInUse = "kubernetes.io/pvc-protection";
const volumeInUse = "kubernetes.io/pv-protection";

const isLeaving = ({ metadata }: Cached<ObjectLike>) => metadata.deletionTimestamp !== undefined;
const has = ({ metadata }: Cached<ObjectLike>, finalizer: string) => metadata.finalizers?.includes(finalizer) === true;
const shown = (refs: readonly StorageRef[]) => refs.map(showRef).join(", ");

/** Why a claim that is deleted does not go. */
export function leavingClaim(claim: Cached<PersistentVolumeClaim>, world: StorageWorld): Found | undefined {
  if (!isLeaving(claim)) return undefined;
  const pods = world.podsOf(claim).map((pod) => refTo("Pod", pod));
  if (has(claim, claimInUse) && pods.length > 0) {
    return {
      code: "ClaimInUse",
      message: `it is deleted once no pod uses it, and ${shown(pods)} ${pods.length === 1 ? "does" : "do"}`,
      waitsFor: shown(pods),
      remedy: "delete these pods, and what makes them anew; a deletion cannot be taken back",
    };
  }
  const self = { kind: "PersistentVolumeClaim" as const, name: claim.metadata.name };
  const clones = world.objects.claims
    .filter((one) => one.metadata.namespace === claim.metadata.namespace && one.status?.phase !== "Bound")
    .filter((one) => isSourceOf(self, one));
  if (has(claim, cloneFinalizer) && clones.length > 0) {
    return isSource(clones.map((one) => refTo("PersistentVolumeClaim", one)));
  }
  const snapshots = world.objects.snapshots.filter(
    ({ metadata, spec, status }) =>
      metadata.namespace === claim.metadata.namespace &&
      spec.source.persistentVolumeClaimName === self.name &&
      status?.readyToUse !== true,
  );
  if (has(claim, ofSnapshots.claimAsSource) && snapshots.length > 0) {
    return isSource(snapshots.map((one) => refTo("VolumeSnapshot", one)));
  }
  return undefined;
}

function isSourceOf({ kind, name }: StorageRef, claim: Cached<PersistentVolumeClaim>): boolean {
  const source = sourceOf(claim);
  return source?.kind === kind && source.name === name;
}

function isSource(users: readonly StorageRef[]): Found {
  return {
    code: "SourceInUse",
    message: `it is deleted once its content is copied: ${shown(users)} ${users.length === 1 ? "is" : "are"} made of it`,
    waitsFor: shown(users),
    remedy: "see what these wait for, or delete them",
  };
}

/** Why a volume that is deleted by hand does not go. */
export function leavingVolume(volume: Cached<PersistentVolume>, world: StorageWorld): Found | undefined {
  const { claimRef } = volume.spec ?? {};
  if (!isLeaving(volume) || !has(volume, volumeInUse) || claimRef === undefined) return undefined;
  const claim = world.claim(claimRef.namespace, claimRef.name ?? "");
  if (claim === undefined || claim.metadata.uid !== claimRef.uid) return undefined;
  return {
    code: "VolumeInUse",
    message: "it is deleted once its claim is gone",
    waitsFor: showRef(refTo("PersistentVolumeClaim", claim)),
    remedy: "delete the claim; a deletion cannot be taken back, so first copy what is to be kept",
  };
}

/** Why a snapshot that is deleted does not go. */
export function leavingSnapshot(snapshot: Cached<VolumeSnapshot>, world: StorageWorld): Found | undefined {
  if (!isLeaving(snapshot)) return undefined;
  const self = { kind: "VolumeSnapshot" as const, name: snapshot.metadata.name };
  const restored = world.objects.claims
    .filter((one) => one.metadata.namespace === snapshot.metadata.namespace && one.status?.phase !== "Bound")
    .filter((one) => isSourceOf(self, one));
  if ((has(snapshot, ofSnapshots.snapshotAsSource) || has(snapshot, snapshotFinalizer)) && restored.length > 0) {
    return isSource(restored.map((one) => refTo("PersistentVolumeClaim", one)));
  }
  const content = world.content(snapshot.status?.boundVolumeSnapshotContentName);
  if (has(snapshot, ofSnapshots.snapshotBound) && content !== undefined) {
    const error = content.status?.error?.message;
    return {
      code: "WaitsForContent",
      ...(error === undefined && !world.isOverdue(snapshot.metadata.deletionTimestamp) ? { state: "waiting" } : {}),
      message: "it goes once its snapshot on the storage is deleted",
      waitsFor: showRef(refTo("VolumeSnapshotContent", content)),
      lastError: world.lastEvent(refTo("VolumeSnapshotContent", content)),
      remedy: `see what ${showRef(refTo("VolumeSnapshotContent", content))} waits for`,
    };
  }
  return undefined;
}

/** An object that is being deleted, with the driver that has to do something for it, if it is one's. */
export interface Leaving {
  readonly ref: StorageRef<StuckKind>;
  readonly object: Cached<ObjectLike>;
  readonly driver: string | undefined;
}

/** Finalizers of sidecars: nobody else takes them away. */
function isOfDriver(finalizer: string, driver: string): boolean {
  const own: readonly string[] = [
    volumeFinalizer,
    attacherFinalizer(driver),
    ofSnapshots.contentBound,
    cloneFinalizer,
    snapshotFinalizer,
  ];
  return own.includes(finalizer);
}

const ofKubernetes: readonly string[] = [claimInUse, volumeInUse];

/** What keeps an object when nothing else explains it: a finalizer that nobody takes away. */
export function leftFinalizer({ ref, object, driver }: Leaving, world: StorageWorld): Found | undefined {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length === 0) return undefined;
  const orphaned = finalizers.filter((one) => driver !== undefined && isOfDriver(one, driver));
  if (orphaned.length > 0 && driver !== undefined && !world.isDriverKnown(driver)) {
    return {
      code: "FinalizerLeft",
      message: `it has the finalizer ${orphaned.join(", ")} of the driver ${driver}, which the cluster does not know any more`,
      waitsFor: `the driver ${driver}`,
      lastError: world.lastEvent(ref),
      remedy: `install the driver again, so that it takes back what it has on the storage; if nothing is left there: kubectl patch ${kubectlRef(ref)} --type=merge -p '{"metadata":{"finalizers":${JSON.stringify(without(finalizers, orphaned))}}}'`,
    };
  }
  if (!world.isOverdue(deletionTimestamp)) return undefined;
  const waiting = without(finalizers, ofKubernetes);
  const names = (waiting.length > 0 ? waiting : finalizers).join(", ");
  return {
    code: "FinalizerStays",
    message: `it is being deleted, and the finalizer ${names} stays`,
    waitsFor: `who has set ${names}`,
    lastError: world.lastEvent(ref),
    remedy: "see whether the controller that the finalizer is named for runs, and what its log says",
  };
}

function without(all: readonly string[], some: readonly string[]): readonly string[] {
  return all.filter((one) => !some.includes(one));
}
