// Snapshots that are not ready, and their contents.
import type { Cached } from "@kx/controllers";
import type {
  SnapshotError,
  VolumeGroupSnapshot,
  VolumeSnapshot,
  VolumeSnapshotContent,
} from "../../snapshot-controller/resources.ts";
import type { Found, LastError } from "../finding.ts";
import { refTo, showRef } from "../storage-ref.ts";
import type { StorageWorld } from "../storage-world.ts";
import { driverMissing } from "./drivers.ts";

function errorOf(error: SnapshotError | undefined): LastError | undefined {
  if (error === undefined) return undefined;
  const { message = "", time } = error;
  return { source: "status.error", message, ...(time === undefined ? {} : { at: time }) };
}

/** Why a snapshot cannot be used. */
export function pendingSnapshot(snapshot: Cached<VolumeSnapshot>, world: StorageWorld): Found | undefined {
  const { metadata, spec, status } = snapshot;
  if (status?.readyToUse === true || metadata.deletionTimestamp !== undefined) return undefined;
  const about = refTo("VolumeSnapshot", snapshot);
  const lastError = errorOf(status?.error) ?? world.lastEvent(about);
  const content = world.content(status?.boundVolumeSnapshotContentName);
  if (content === undefined) {
    const missing = missingPart(snapshot, lastError, world);
    if (missing !== undefined) return missing;
    const named = status?.boundVolumeSnapshotContentName ?? spec.source.volumeSnapshotContentName;
    if (named !== undefined && world.content(named) === undefined) {
      return {
        code: "ContentMissing",
        message: `its VolumeSnapshotContent ${named} does not exist`,
        waitsFor: `VolumeSnapshotContent ${named}`,
        lastError,
        remedy: "make the content for the snapshot that is on the storage, or make the snapshot anew",
      };
    }
    if (lastError !== undefined) return failed(lastError, "the snapshot controller could not make its content");
    return world.isOverdue(metadata.creationTimestamp)
      ? {
          code: "SnapshotControllerSilent",
          message: "nothing was heard of the snapshot controller",
          waitsFor: "the snapshot controller",
          remedy: "run one: @kx/csi/snapshot-controller in the controller manager, or the upstream one",
        }
      : inProgress("the snapshot controller");
  }
  const shown = showRef(refTo("VolumeSnapshotContent", content));
  return {
    code: "WaitsForContent",
    ...(lastError === undefined && !world.isOverdue(metadata.creationTimestamp) ? { state: "waiting" } : {}),
    message: "its snapshot on the storage is not ready",
    waitsFor: shown,
    lastError,
    remedy: `see what ${shown} waits for`,
  };
}

/** A class or a source that has to be there before anything is made. */
function missingPart(
  { metadata, spec }: Cached<VolumeSnapshot>,
  lastError: LastError | undefined,
  world: StorageWorld,
): Found | undefined {
  const className = spec.volumeSnapshotClassName;
  const classes = world.objects.snapshotClasses.map((one) => one.metadata.name);
  if (className !== undefined && !classes.includes(className)) {
    return {
      code: "SnapshotClassMissing",
      message: `its VolumeSnapshotClass ${className} does not exist`,
      waitsFor: `VolumeSnapshotClass ${className}`,
      lastError,
      remedy: `make the class${classes.length === 0 ? "" : `, or make the snapshot anew with one of ${classes.join(", ")}`}`,
    };
  }
  const source = spec.source.persistentVolumeClaimName;
  if (source === undefined) return undefined;
  const claim = world.claim(metadata.namespace, source);
  const shown = `PersistentVolumeClaim ${metadata.namespace}/${source}`;
  if (claim === undefined) {
    return {
      code: "SourceMissing",
      message: `the claim ${metadata.namespace}/${source}, of which it is to be taken, does not exist`,
      waitsFor: shown,
      lastError,
      remedy: "make the snapshot anew with a claim that is there",
    };
  }
  if (claim.status?.phase === "Bound") return undefined;
  return {
    code: "SourceNotReady",
    message: `the claim ${metadata.namespace}/${source}, of which it is to be taken, is not bound`,
    waitsFor: shown,
    lastError,
    remedy: `see what ${shown} waits for`,
  };
}

/** Why a snapshot on its storage is not ready, or does not go. */
export function snapshotContent(content: Cached<VolumeSnapshotContent>, world: StorageWorld): Found | undefined {
  const { metadata, spec, status } = content;
  const isLeaving = metadata.deletionTimestamp !== undefined;
  if (status?.readyToUse === true && !isLeaving) return undefined;
  const lastError = errorOf(status?.error) ?? world.lastEvent(refTo("VolumeSnapshotContent", content));
  if (!world.isDriverKnown(spec.driver)) {
    // What keeps it then is its finalizer.
    return isLeaving ? undefined : { ...driverMissing(spec.driver, "it"), lastError };
  }
  if (lastError !== undefined) {
    const what = isLeaving ? "could not delete it" : "could not take it";
    return failed(lastError, `${spec.driver} ${what}, and is asked again`, isLeaving ? "DeletionFailed" : undefined);
  }
  if (!world.isOverdue(metadata.deletionTimestamp ?? metadata.creationTimestamp)) {
    return inProgress(`the snapshotter of ${spec.driver}`);
  }
  const isTaken = status?.snapshotHandle !== undefined && !isLeaving;
  return {
    code: isTaken ? "SnapshotNotReady" : "SnapshotterSilent",
    message: isTaken
      ? `${spec.driver} has taken it, and says that it is not ready yet`
      : `nothing was heard of the snapshotter of ${spec.driver}`,
    waitsFor: isTaken ? `the driver ${spec.driver}` : `the snapshotter of ${spec.driver}`,
    remedy: isTaken
      ? "see in the storage behind the driver how far it is"
      : "see whether the driver's controller runs and takes snapshots",
  };
}

/** Why snapshots of a group cannot be used. */
export function pendingGroup(group: Cached<VolumeGroupSnapshot>, world: StorageWorld): Found | undefined {
  const { metadata, status } = group;
  if (status?.readyToUse === true || metadata.deletionTimestamp !== undefined) return undefined;
  const lastError = errorOf(status?.error) ?? world.lastEvent(refTo("VolumeGroupSnapshot", group));
  if (lastError !== undefined) return failed(lastError, "its snapshots could not be taken");
  return world.isOverdue(metadata.creationTimestamp)
    ? {
        code: "SnapshotNotReady",
        message: "its snapshots are not ready",
        waitsFor: "the snapshot controller, and the driver's snapshotter",
        remedy: "see whether both run, and serve group snapshots",
      }
    : inProgress("the snapshot controller, and the driver's snapshotter");
}

function failed(lastError: LastError, message: string, code = "SnapshotFailed"): Found {
  return {
    code,
    message,
    waitsFor: "what the error names",
    lastError,
    remedy: "correct what the error names; it is tried again",
  };
}

function inProgress(waitsFor: string): Found {
  return {
    code: "SnapshotInProgress",
    state: "waiting",
    message: "it is being worked at",
    waitsFor,
    remedy: "nothing: it goes on by itself",
  };
}
