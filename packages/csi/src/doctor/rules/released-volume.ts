// Volumes whose claim is gone.
import type { Cached } from "@kx/controllers";
import type { PersistentVolume } from "@kx/controllers/api/core-v1";
import type { VolumeAttachment } from "@kx/controllers/api/storage-v1";
import { provisionedBy } from "../../controllers/provisioner/names.ts";
import type { Found } from "../finding.ts";
import { refTo } from "../storage-ref.ts";
import type { StorageWorld } from "../storage-world.ts";
import { driverMissing } from "./drivers.ts";

/** Why a volume stays that nobody claims any more. */
export function releasedVolume(volume: Cached<PersistentVolume>, world: StorageWorld): Found | undefined {
  const { metadata, spec, status } = volume;
  const { phase, message, lastPhaseTransitionTime } = status ?? {};
  if (phase !== "Released" && phase !== "Failed") return undefined;
  if (spec?.persistentVolumeReclaimPolicy === "Retain" && metadata.deletionTimestamp === undefined) {
    return retained(volume);
  }
  const attachments = world.attachmentsOf(metadata.name);
  if (attachments.length > 0) return stillAttached(volume, attachments, world);
  const told = world.lastEvent(refTo("PersistentVolume", volume), "VolumeFailedDelete");
  const inStatus = message === undefined || message === "" ? undefined : { source: "status.message", message };
  const lastError = told ?? inStatus;
  const driver = metadata.annotations?.[provisionedBy] ?? spec?.csi?.driver ?? "";
  if (driver !== "" && !world.isDriverKnown(driver)) return { ...driverMissing(driver, "it"), lastError };
  if (lastError !== undefined || phase === "Failed") {
    return {
      code: "DeletionFailed",
      message: `${driver} could not delete it, and is asked again`,
      waitsFor: `the driver ${driver}`,
      lastError,
      remedy:
        "correct what the error names: a snapshot or clone of it, a missing secret, or the storage behind the driver",
    };
  }
  const since = lastPhaseTransitionTime ?? metadata.deletionTimestamp;
  if (!world.isOverdue(since)) {
    return {
      code: "Deleting",
      state: "waiting",
      message: "its claim is gone, and it is being deleted",
      waitsFor: `the provisioner of ${driver}`,
      remedy: "nothing: it goes on by itself",
    };
  }
  return {
    code: "DeleterSilent",
    message: `its claim is gone, and nothing was heard of the provisioner ${driver}`,
    waitsFor: `the provisioner of ${driver}`,
    remedy: "see whether the driver's controller runs, holds its lease, and may delete volumes",
  };
}

function retained({ metadata }: Cached<PersistentVolume>): Found {
  return {
    code: "VolumeRetained",
    state: "waiting",
    message: "its claim is gone, and its reclaim policy Retain keeps it with its data",
    waitsFor: "somebody who says what becomes of its data",
    remedy: `for another claim to use its data: kubectl patch pv ${metadata.name} --type=merge -p '{"spec":{"claimRef":null}}'; to delete it with its data, set persistentVolumeReclaimPolicy to Delete`,
  };
}

function stillAttached(
  volume: Cached<PersistentVolume>,
  attachments: readonly Cached<VolumeAttachment>[],
  world: StorageWorld,
): Found {
  const where = attachments.map(({ metadata, spec }) => `${metadata.name} (node ${spec.nodeName})`).join(", ");
  const lastError = world.lastEvent(refTo("PersistentVolume", volume), "VolumeFailedDelete");
  return {
    code: "VolumeAttached",
    message: `its claim is gone, but it is still attached: ${where}`,
    waitsFor: `VolumeAttachment ${attachments.map(({ metadata }) => metadata.name).join(", ")}`,
    lastError,
    remedy: `see what holds the attachment: kx csi doctor va/${attachments[0]?.metadata.name}`,
  };
}
