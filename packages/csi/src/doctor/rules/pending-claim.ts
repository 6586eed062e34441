// Claims that have no volume yet.
import type { Cached } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import type { StorageClass } from "@kx/controllers/api/storage-v1";
import { didYouMean } from "@kx/core";
import { compareQuantities, parseQuantity } from "@kx/core/units";
import { selectedNode } from "../../controllers/provisioner/names.ts";
import type { Found } from "../finding.ts";
import { refTo, showRef } from "../storage-ref.ts";
import type { StorageWorld } from "../storage-world.ts";
import { sourceFinding } from "./claim-source.ts";
import { driverMissing, driverNotOnNode } from "./drivers.ts";
import { provisioningFailure } from "./provisioning-failure.ts";

type Claim = Cached<PersistentVolumeClaim>;

/** By these a class says that nobody makes its volumes. */
const noProvisioner = "kubernetes.io/no-provisioner";
const defaultClass = "storageclass.kubernetes.io/is-default-class";

/** Why a claim has no volume. */
export function pendingClaim(claim: Claim, world: StorageWorld): Found | undefined {
  const { spec = {}, status } = claim;
  if (status?.phase === "Lost") return lost(claim, world);
  if (status?.phase === "Bound" || claim.metadata.deletionTimestamp !== undefined) return undefined;
  if (spec.volumeName !== undefined && spec.volumeName !== "") return chosenVolume(claim, spec.volumeName, world);
  const className = spec.storageClassName;
  if (className === undefined) return withoutClass(claim, world);
  if (className === "") return noVolumeFits(claim, "it asks for no class, so for a volume made by hand", world);
  const storageClass = world.storageClass(className);
  if (storageClass === undefined) return classMissing(claim, className, world);
  if (storageClass.provisioner === noProvisioner && !waitsForPod(claim, storageClass)) {
    return noVolumeFits(claim, `volumes of the class ${className} are made by hand`, world);
  }
  return (
    sourceFinding(claim, world) ?? withoutPod(claim, storageClass, world) ?? provisioning(claim, storageClass, world)
  );
}

function lost(claim: Claim, world: StorageWorld): Found {
  const name = claim.spec?.volumeName ?? "";
  const volume = world.volume(name);
  const what = volume === undefined ? "does not exist any more" : "belongs to another claim now";
  return {
    code: "ClaimLost",
    message: `its volume ${name} ${what}; what was on it cannot be reached by this claim`,
    waitsFor: `PersistentVolume ${name}`,
    lastError: world.lastEvent(refTo("PersistentVolumeClaim", claim), "ClaimLost", "ClaimMisbound"),
    remedy:
      "if the storage is still there, make a PersistentVolume for it and a new claim with its name in volumeName; else delete the claim, and restore from a snapshot or a backup",
  };
}

function chosenVolume(claim: Claim, name: string, world: StorageWorld): Found {
  const volume = world.volume(name);
  const waitsFor = `PersistentVolume ${name}`;
  const lastError = world.lastEvent(refTo("PersistentVolumeClaim", claim));
  if (volume === undefined) {
    return {
      code: "VolumeMissing",
      message: `it asks for the volume ${name}, which does not exist`,
      waitsFor,
      lastError,
      remedy: "make that volume, or delete the claim and make it anew without volumeName",
    };
  }
  const { claimRef } = volume.spec ?? {};
  const { namespace, name: own, uid } = claim.metadata;
  const isOurs = claimRef?.name === own && claimRef.namespace === namespace && (claimRef.uid ?? uid) === uid;
  if (claimRef !== undefined && !isOurs) {
    const released = volume.status?.phase === "Released" ? ", which is gone" : "";
    return {
      code: "VolumeTaken",
      message: `it asks for the volume ${name}, which belongs to the claim ${claimRef.namespace}/${claimRef.name}${released}`,
      waitsFor,
      lastError,
      remedy:
        released === ""
          ? "choose another volume; a claim's volumeName cannot be changed, so make it anew"
          : `if its data may be used, free the volume: kubectl patch pv ${name} --type=merge -p '{"spec":{"claimRef":null}}'`,
    };
  }
  return {
    code: "VolumeNotBound",
    ...(lastError === undefined && !world.isOverdue(claim.metadata.creationTimestamp) ? { state: "waiting" } : {}),
    message: `the volume ${name} is to be bound to it`,
    waitsFor: `${waitsFor}, and the controller manager`,
    lastError,
    remedy: "class, access modes, volumeMode and size of claim and volume have to fit each other",
  };
}

function withoutClass(claim: Claim, world: StorageWorld): Found {
  const defaults = world.objects.classes.filter(({ metadata }) => metadata.annotations?.[defaultClass] === "true");
  const names = world.objects.classes.map(({ metadata }) => metadata.name);
  const [first] = defaults;
  if (first !== undefined) {
    return {
      code: "ClassToBeSet",
      state: "waiting",
      message: `it names no class, and gets the default one: ${first.metadata.name}`,
      waitsFor: "the controller manager",
      remedy: "nothing: if it stays, see whether the kube-controller-manager runs",
    };
  }
  return {
    code: "ClassUnset",
    message: "it names no class, there is no default one, and no volume without a class fits it",
    waitsFor: "a default StorageClass, or a volume made by hand",
    lastError: world.lastEvent(refTo("PersistentVolumeClaim", claim)),
    remedy:
      names[0] === undefined
        ? "make a StorageClass: the cluster has none"
        : `mark a class as the default one: kubectl annotate storageclass ${names[0]} ${defaultClass}=true`,
  };
}

function classMissing(claim: Claim, className: string, world: StorageWorld): Found {
  const names = world.objects.classes.map(({ metadata }) => metadata.name);
  const meant = didYouMean(className, names);
  const there = names.length === 0 ? "the cluster has none" : `there are ${names.join(", ")}`;
  return {
    code: "ClassMissing",
    message: `its StorageClass ${className} does not exist`,
    waitsFor: `StorageClass ${className}`,
    lastError: world.lastEvent(refTo("PersistentVolumeClaim", claim), "ProvisioningFailed"),
    remedy: `make the class, or make the claim anew with another; ${meant === undefined ? there : `did you mean ${meant}?`}`,
  };
}

function noVolumeFits(claim: Claim, why: string, world: StorageWorld): Found {
  const available = world.objects.volumes.filter((volume) => isFree(volume, claim));
  const misfits = available.map((volume) => `${volume.metadata.name} (${misfitOf(volume, claim) ?? "fits"})`);
  const tried = misfits.length === 0 ? "none is available" : `available are ${misfits.join(", ")}`;
  return {
    code: "NoVolumeFits",
    message: `${why}, and none fits: ${tried}`,
    waitsFor: "a PersistentVolume of its class, access modes and size",
    lastError: world.lastEvent(refTo("PersistentVolumeClaim", claim)),
    remedy: "make such a volume, or make the claim anew with a class that has a provisioner",
  };
}

function isFree({ spec, status }: Cached<PersistentVolume>, claim: Claim): boolean {
  const isOfClass = (spec?.storageClassName ?? "") === (claim.spec?.storageClassName ?? "");
  return isOfClass && status?.phase === "Available";
}

function misfitOf({ spec }: Cached<PersistentVolume>, claim: Claim): string | undefined {
  const wanted = claim.spec?.resources?.requests?.["storage"] ?? "0";
  const has = spec?.capacity?.["storage"] ?? "0";
  if (compareQuantities(parseQuantity(has), parseQuantity(wanted)) < 0) return `${has} of ${wanted}`;
  const lacking = (claim.spec?.accessModes ?? []).filter((mode) => spec?.accessModes?.includes(mode) !== true);
  if (lacking.length > 0) return `not ${lacking.join(", ")}`;
  const [mode, wantedMode] = [spec?.volumeMode ?? "Filesystem", claim.spec?.volumeMode ?? "Filesystem"];
  return mode === wantedMode ? undefined : `volumeMode ${mode}`;
}

function waitsForPod(claim: Claim, { volumeBindingMode }: Cached<StorageClass>): boolean {
  return volumeBindingMode === "WaitForFirstConsumer" && claim.metadata.annotations?.[selectedNode] === undefined;
}

/** The volume is made where the first pod is to run. */
function withoutPod(claim: Claim, storageClass: Cached<StorageClass>, world: StorageWorld): Found | undefined {
  if (!waitsForPod(claim, storageClass)) return undefined;
  const pods = world.podsOf(claim);
  const bypassing = pods.find(({ spec }) => spec?.nodeName !== undefined);
  if (bypassing !== undefined) {
    return {
      code: "SchedulerBypassed",
      message: `${showRef(refTo("Pod", bypassing))} names its node ${bypassing.spec?.nodeName} itself, so that the scheduler chooses no node for the volume`,
      waitsFor: "the scheduler",
      remedy: "choose the node by nodeSelector or affinity instead of nodeName, or use a class that binds at once",
    };
  }
  const [pod] = pods;
  const rule = `volumes of the class ${storageClass.metadata.name} are made where their first pod runs`;
  if (pod !== undefined) {
    return {
      code: "WaitsForScheduling",
      state: "waiting",
      message: `${rule}, and its pod has no node yet`,
      waitsFor: showRef(refTo("Pod", pod)),
      remedy: "see why the scheduler finds no node for that pod",
    };
  }
  return {
    code: "WaitsForConsumer",
    state: "waiting",
    message: `${rule}, and no pod uses the claim`,
    waitsFor: "a pod that uses the claim",
    remedy: "start a pod with the claim; for a volume before that, use a class with volumeBindingMode: Immediate",
  };
}

function provisioning(claim: Claim, storageClass: Cached<StorageClass>, world: StorageWorld): Found {
  const { provisioner, metadata } = storageClass;
  const about = refTo("PersistentVolumeClaim", claim);
  const attributes = claim.spec?.volumeAttributesClassName;
  const isMissing = world.objects.attributesClasses.every((one) => one.metadata.name !== attributes);
  if (attributes !== undefined && attributes !== "" && isMissing) {
    return {
      code: "AttributesClassMissing",
      message: `its VolumeAttributesClass ${attributes} does not exist`,
      waitsFor: `VolumeAttributesClass ${attributes}`,
      lastError: world.lastEvent(about, "ProvisioningFailed"),
      remedy: "make the class, or make the claim anew with another",
    };
  }
  const nodeName = claim.metadata.annotations?.[selectedNode];
  const failure = world.lastEvent(about, "ProvisioningFailed");
  if (nodeName !== undefined && world.node(nodeName) === undefined) {
    return {
      code: "SelectedNodeMissing",
      message: `its volume was to be made for the node ${nodeName}, which does not exist`,
      waitsFor: `Node ${nodeName}`,
      lastError: failure,
      remedy: `have another node chosen: kubectl annotate pvc ${claim.metadata.name} -n ${claim.metadata.namespace} ${selectedNode}-`,
    };
  }
  const isServed = failure !== undefined || world.isDriverKnown(provisioner);
  if (!isServed) return driverMissing(provisioner, `the class ${metadata.name}`);
  if (nodeName !== undefined && !world.hasDriver(nodeName, provisioner)) {
    return driverNotOnNode(provisioner, nodeName, failure, world);
  }
  if (failure !== undefined) return provisioningFailure(claim, storageClass, failure, world);
  if (!world.isOverdue(claim.metadata.creationTimestamp)) {
    return {
      code: "Provisioning",
      state: "waiting",
      message: "its volume is being made",
      waitsFor: `the provisioner of ${provisioner}`,
      remedy: "nothing: it goes on by itself",
    };
  }
  return {
    code: "ProvisionerSilent",
    message: `nothing was heard of the provisioner ${provisioner}`,
    waitsFor: `the provisioner of ${provisioner}`,
    remedy: "see whether the driver's controller runs, holds its lease, and may read and write claims and volumes",
  };
}
