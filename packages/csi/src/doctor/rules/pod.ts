// Pods that wait for their volumes.
import type { Cached } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { nodeOf } from "../../snapshot-controller/node-of-volume.ts";
import type { Found, LastError } from "../finding.ts";
import { refTo, showRef } from "../storage-ref.ts";
import { hasEnded, type StoragePod, type StorageWorld } from "../storage-world.ts";
import { driverMissing, driverNotOnNode } from "./drivers.ts";
import { roomOf } from "./provisioning-failure.ts";

/** Why a pod does not start, as far as volumes are the cause. */
export function pendingPod(pod: StoragePod, world: StorageWorld): Found | undefined {
  if (pod.status?.phase !== "Pending" || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const missing = missingClaim(pod, world);
  if (missing !== undefined) return missing;
  const nodeName = pod.spec?.nodeName;
  return nodeName === undefined ? unscheduled(pod, world) : onNode(pod, nodeName, world);
}

function claimsOf(pod: StoragePod, world: StorageWorld): readonly Cached<PersistentVolumeClaim>[] {
  return world.claimNamesOf(pod).flatMap((name) => world.claim(pod.metadata.namespace, name) ?? []);
}

function missingClaim(pod: StoragePod, world: StorageWorld): Found | undefined {
  const { namespace } = pod.metadata;
  const gone = world.claimNamesOf(pod).find((name) => world.claim(namespace, name) === undefined);
  if (gone === undefined) return undefined;
  return {
    code: "ClaimMissing",
    message: `its claim ${namespace}/${gone} does not exist`,
    waitsFor: `PersistentVolumeClaim ${namespace}/${gone}`,
    lastError: schedulerSays(pod) ?? world.lastEvent(refTo("Pod", pod)),
    remedy: "make the claim: the pod goes on when it is there",
  };
}

function schedulerSays({ status }: StoragePod): LastError | undefined {
  const found = status?.conditions?.find(({ type, status: value }) => type === "PodScheduled" && value === "False");
  if (found?.message === undefined) return undefined;
  const { message, lastTransitionTime: at } = found;
  return { source: "condition PodScheduled", message, ...(at === undefined ? {} : { at }) };
}

function unscheduled(pod: StoragePod, world: StorageWorld): Found | undefined {
  const lastError = schedulerSays(pod);
  const claims = claimsOf(pod, world);
  const shared = claims
    .filter(({ spec }) => spec?.accessModes?.includes("ReadWriteOncePod") === true)
    .flatMap((claim) =>
      world
        .podsOf(claim)
        .filter((other) => other.metadata.uid !== pod.metadata.uid && other.spec?.nodeName !== undefined),
    )
    .at(0);
  if (shared !== undefined) {
    const other = showRef(refTo("Pod", shared));
    return {
      code: "SinglePodVolume",
      message: `its volume is for one pod alone (ReadWriteOncePod), and ${other} has it`,
      waitsFor: other,
      lastError,
      remedy: "delete the other pod, or use a claim with ReadWriteOnce",
    };
  }
  if (lastError === undefined) return undefined;
  const waitsFor = "the scheduler, for a node that fits";
  const { message } = lastError;
  if (/volume node affinity conflict|match PersistentVolume's node affinity/i.test(message)) {
    const bound = claims.flatMap((claim) => world.volume(claim.spec?.volumeName) ?? []);
    const places = bound.flatMap((volume) => placesOf(volume, world)).join("; ");
    return {
      code: "TopologyMismatch",
      message: `its volume cannot be reached from a node that the pod may run on: ${places}`,
      waitsFor,
      lastError,
      remedy:
        "let the pod run where the volume is: free room there, or correct its nodeSelector, affinity or tolerations; several volumes have to be at one place, which WaitForFirstConsumer gives",
    };
  }
  if (/enough free storage/i.test(message)) {
    const pending = claims.filter(({ status }) => status?.phase !== "Bound");
    const rooms = pending.map(({ spec }) =>
      roomOf(spec?.storageClassName ?? "", spec?.resources?.requests?.["storage"] ?? "0", world),
    );
    return {
      code: "NoRoom",
      message: `no node that the pod may run on has room for its volume${rooms.join("")}`,
      waitsFor: "free capacity of the driver",
      lastError,
      remedy: "free or add capacity, or make the claim anew with a smaller size",
    };
  }
  if (/max volume count/i.test(message)) {
    return {
      code: "AttachLimit",
      message: "the nodes that it may run on have as many volumes as they can have",
      waitsFor,
      lastError,
      remedy: "add nodes, or move pods with volumes away; what a node can have is in its CSINode",
    };
  }
  if (/agent-not-ready|CSI driver/i.test(message)) {
    return {
      code: "DriverNotOnNode",
      message: "the nodes that it may run on have not the driver of its volumes yet",
      waitsFor: "the driver on a node",
      lastError,
      remedy: "see whether the driver's pods run on the nodes, and are registered with their kubelets",
    };
  }
  if (/persistent volumes to bind/i.test(message)) {
    return {
      code: "NoVolumeFits",
      message: "no free volume fits its claim on a node that it may run on",
      waitsFor,
      lastError,
      remedy: "make a volume on such a node, or use a class that has a provisioner",
    };
  }
  return undefined;
}

function placesOf(volume: Cached<PersistentVolume>, world: StorageWorld): readonly string[] {
  if (volume.spec?.nodeAffinity?.required === undefined) return [];
  const names = world.objects.nodes.filter((node) => nodeOf(volume, [node]) !== undefined);
  const where = names.map(({ metadata }) => metadata.name).join(", ");
  return [`${volume.metadata.name} is at ${where === "" ? "no node of this cluster" : where}`];
}

function onNode(pod: StoragePod, nodeName: string, world: StorageWorld): Found | undefined {
  const about = refTo("Pod", pod);
  const mounting = world.lastEvent(about, "FailedMount", "FailedMapVolume");
  const claims = claimsOf(pod, world);
  const volumes = claims.flatMap((claim) => world.volume(claim.spec?.volumeName) ?? []);
  const drivers = [
    ...(pod.spec?.volumes ?? []).flatMap(({ csi }) => csi?.driver ?? []),
    ...volumes.flatMap(({ spec }) => spec?.csi?.driver ?? []),
  ];
  const absent = drivers.find((driver) => !world.hasDriver(nodeName, driver));
  if (absent !== undefined) {
    if (!world.isDriverKnown(absent)) return { ...driverMissing(absent, "its volume"), lastError: mounting };
    return driverNotOnNode(absent, nodeName, mounting, world);
  }
  const attaching = world.lastEvent(about, "FailedAttachVolume");
  return (
    elsewhere(nodeName, volumes, attaching, world) ??
    // What the attachment itself says is told there.
    (attaching === undefined || volumes.some(({ metadata }) => hasAttachment(metadata.name, nodeName, world))
      ? undefined
      : attachFailed(attaching)) ??
    (mounting === undefined ? undefined : mountFailed(nodeName, mounting))
  );
}

function hasAttachment(volume: string, nodeName: string, world: StorageWorld): boolean {
  return world.attachmentsOf(volume).some(({ spec }) => spec.nodeName === nodeName);
}

/** A volume of one node that another one has. */
function elsewhere(
  nodeName: string,
  volumes: readonly Cached<PersistentVolume>[],
  lastError: LastError | undefined,
  world: StorageWorld,
): Found | undefined {
  for (const volume of volumes) {
    const isShared = volume.spec?.accessModes?.some((mode) => mode.endsWith("Many")) === true;
    const other = world.attachmentsOf(volume.metadata.name).find(({ spec }) => spec.nodeName !== nodeName);
    if (isShared || other === undefined || hasAttachment(volume.metadata.name, nodeName, world)) continue;
    const { claimRef } = volume.spec ?? {};
    const claim = world.claim(claimRef?.namespace, claimRef?.name ?? "");
    const holders = (claim === undefined ? [] : world.podsOf(claim)).filter(
      (pod) => pod.spec?.nodeName === other.spec.nodeName && !hasEnded(pod),
    );
    const by = holders.map((pod) => showRef(refTo("Pod", pod))).join(", ");
    return {
      code: "MultiAttach",
      message: `its volume ${volume.metadata.name} is for one node at a time, and attached to ${other.spec.nodeName}${by === "" ? "" : ` for ${by}`}`,
      waitsFor: by === "" ? showRef(refTo("VolumeAttachment", other)) : by,
      lastError,
      remedy:
        by === ""
          ? `see what holds the attachment: kx csi doctor va/${other.metadata.name}`
          : "delete the other pod, or let both run on one node; a Deployment with such a volume needs strategy: Recreate",
    };
  }
  return undefined;
}

function attachFailed(lastError: LastError): Found {
  return {
    code: "AttachFailed",
    message: "its volume could not be attached to its node",
    waitsFor: "the attach/detach controller of the controller manager",
    lastError,
    remedy: "correct what the error names; it is tried again",
  };
}

function mountFailed(nodeName: string, lastError: LastError): Found {
  return {
    code: "MountFailed",
    message: `the kubelet of ${nodeName} cannot bring its volume to it, and tries again`,
    waitsFor: `the driver's part on the node ${nodeName}`,
    lastError,
    remedy: "correct what the error names; the log of the driver's pod on that node tells more",
  };
}
