// Volumes on their way to a node, or from it.
import type { Cached } from "@kx/controllers";
import type { Node } from "@kx/controllers/api/core-v1";
import type { VolumeAttachment } from "@kx/controllers/api/storage-v1";
import type { Found, LastError } from "../finding.ts";
import { refTo, showRef } from "../storage-ref.ts";
import type { StoragePod, StorageWorld } from "../storage-world.ts";
import { driverMissing, driverNotOnNode } from "./drivers.ts";

type Attachment = Cached<VolumeAttachment>;

const outOfService = "node.kubernetes.io/out-of-service";

/** Why a volume is not attached, or not detached. */
export function attachment(one: Attachment, world: StorageWorld): Found | undefined {
  const { metadata, spec, status } = one;
  const node = world.node(spec.nodeName);
  if (node === undefined) return nodeGone(one, world);
  if (metadata.deletionTimestamp !== undefined) return detaching(one, world);
  return nodeDown(one, node, world) ?? (status?.attached === true ? unused(one, world) : attaching(one, world));
}

function errorOf(one: Attachment, field: "attachError" | "detachError"): LastError | undefined {
  const error = one.status?.[field];
  if (error === undefined) return undefined;
  const { message = "", time, errorCode } = error;
  const text = errorCode === undefined ? message : `${message} (gRPC code ${errorCode})`;
  return { source: `status.${field}`, message: text, ...(time === undefined ? {} : { at: time }) };
}

/** Pods of a node that use the volume, also those that are being deleted. */
function usersOf({ spec }: Attachment, world: StorageWorld): readonly StoragePod[] {
  const { claimRef } = world.volume(spec.source.persistentVolumeName)?.spec ?? {};
  const claim = world.claim(claimRef?.namespace, claimRef?.name ?? "");
  const pods = claim === undefined ? [] : world.podsOf(claim);
  return pods.filter((pod) => pod.spec?.nodeName === spec.nodeName);
}

function nodeGone(one: Attachment, world: StorageWorld): Found {
  const { metadata, spec } = one;
  const pods = usersOf(one, world).map((pod) => showRef(refTo("Pod", pod)));
  const users = pods.length === 0 ? "" : `; of that node there are still ${pods.join(", ")}`;
  const isLeaving = metadata.deletionTimestamp !== undefined;
  return {
    code: "NodeGone",
    message: `the node ${spec.nodeName}, which the volume is attached to, does not exist any more${users}`,
    waitsFor: isLeaving ? `the attacher of ${spec.attacher}` : "the attach/detach controller of the controller manager",
    lastError: errorOf(one, "detachError"),
    remedy: isLeaving
      ? "see what the error names, and the log of the attacher"
      : `it is detached when no pod of that node is left, by force 6 minutes after that, unless the controller manager has --disable-force-detach-on-timeout; if the machine is surely off and it stays: kubectl delete volumeattachment ${metadata.name}`,
  };
}

function isReady({ status }: Cached<Node>): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
}

/** A node that does not answer keeps its volumes: it may still be writing. */
function nodeDown(one: Attachment, node: Cached<Node>, world: StorageWorld): Found | undefined {
  const waiting = usersOf(one, world).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  if (isReady(node) || waiting.length === 0) return undefined;
  const { name } = node.metadata;
  const pods = waiting.map((pod) => showRef(refTo("Pod", pod))).join(", ");
  const isTainted = node.spec?.taints?.some(({ key }) => key === outOfService) === true;
  return {
    code: "NodeDown",
    ...(isTainted ? { state: "waiting" } : {}),
    message: `the node ${name} does not answer, and may still write; ${pods} ${waiting.length === 1 ? "is" : "are"} deleted only when it confirms that`,
    waitsFor: isTainted ? "the controller manager, which detaches it" : `the kubelet of ${name}`,
    lastError: errorOf(one, "detachError"),
    remedy: isTainted
      ? `when the node is back: kubectl taint node ${name} ${outOfService}-`
      : `bring the node back; if the machine is surely off, detach at once: kubectl taint node ${name} ${outOfService}=nodeshutdown:NoExecute; without that it is forced 6 minutes after the pods are gone`,
  };
}

function detaching(one: Attachment, world: StorageWorld): Found | undefined {
  const { metadata, spec } = one;
  const lastError = errorOf(one, "detachError");
  if (lastError !== undefined) {
    return {
      code: "DetachFailed",
      message: `${spec.attacher} could not detach it from the node ${spec.nodeName}, and is asked again`,
      waitsFor: `the driver ${spec.attacher}`,
      lastError,
      remedy: "correct what the error names; until then no other node gets the volume",
    };
  }
  // Its finalizer is told then.
  if (!world.isDriverKnown(spec.attacher)) return undefined;
  if (!world.isOverdue(metadata.deletionTimestamp)) {
    return {
      code: "Detaching",
      state: "waiting",
      message: `it is being detached from the node ${spec.nodeName}`,
      waitsFor: `the attacher of ${spec.attacher}`,
      remedy: "nothing: it goes on by itself",
    };
  }
  return silent(one, "DetacherSilent", "detached from");
}

function attaching(one: Attachment, world: StorageWorld): Found {
  const { metadata, spec } = one;
  const lastError = errorOf(one, "attachError");
  const volume = spec.source.persistentVolumeName;
  if (volume !== undefined && world.volume(volume) === undefined) {
    return {
      code: "VolumeMissing",
      message: `its volume ${volume} does not exist`,
      waitsFor: `PersistentVolume ${volume}`,
      lastError,
      remedy: `if nobody uses the volume: kubectl delete volumeattachment ${metadata.name}`,
    };
  }
  if (!world.isDriverKnown(spec.attacher)) return { ...driverMissing(spec.attacher, "it"), lastError };
  if (!world.hasDriver(spec.nodeName, spec.attacher)) {
    return driverNotOnNode(spec.attacher, spec.nodeName, lastError, world);
  }
  if (lastError !== undefined) {
    return {
      code: "AttachFailed",
      message: `${spec.attacher} could not attach it to the node ${spec.nodeName}, and is asked again`,
      waitsFor: `the driver ${spec.attacher}`,
      lastError,
      remedy: "correct what the error names; a volume of one node has to be detached from the other one first",
    };
  }
  if (world.isOverdue(metadata.creationTimestamp)) return silent(one, "AttacherSilent", "attached to");
  return {
    code: "Attaching",
    state: "waiting",
    message: `it is being attached to the node ${spec.nodeName}`,
    waitsFor: `the attacher of ${spec.attacher}`,
    remedy: "nothing: it goes on by itself",
  };
}

function silent({ spec }: Attachment, code: string, what: string): Found {
  return {
    code,
    message: `it is to be ${what} the node ${spec.nodeName}, and nothing was heard of the attacher ${spec.attacher}`,
    waitsFor: `the attacher of ${spec.attacher}`,
    remedy:
      "see whether the driver's controller runs and attaches volumes; a driver without attachments has attachRequired: false in its CSIDriver",
  };
}

/** The attach/detach controller takes back what no pod uses, unless it has forgotten it. */
function unused(one: Attachment, world: StorageWorld): Found | undefined {
  const { metadata, spec } = one;
  const name = spec.source.persistentVolumeName;
  const isUsed = name === undefined || usersOf(one, world).length > 0;
  // Others than pods attach volumes too: only one whose claim is gone, or that another pod waits for, is in the way.
  const { claimRef, accessModes = [] } = world.volume(name)?.spec ?? {};
  const claim = world.claim(claimRef?.namespace, claimRef?.name ?? "");
  const waiting = (claim === undefined ? [] : world.podsOf(claim)).filter(({ status }) => status?.phase === "Pending");
  const isShared = accessModes.some((mode) => mode.endsWith("Many"));
  if (isUsed || isShared || waiting.length === 0 || !world.isOverdue(metadata.creationTimestamp)) return undefined;
  return {
    code: "AttachmentLeft",
    message: `the volume is attached to the node ${spec.nodeName}, where no pod uses it`,
    waitsFor: "the attach/detach controller of the controller manager",
    remedy: `it detaches what the node does not report in use, and the rest after 6 minutes; if it stays, and nothing on the node has the volume mounted: kubectl delete volumeattachment ${metadata.name}`,
  };
}
