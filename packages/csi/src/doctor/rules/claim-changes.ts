// Claims whose volume is to grow, or to get another VolumeAttributesClass.
import type { Cached } from "@kx/controllers";
import type { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { compareQuantities, parseQuantity } from "@kx/core/units";
import type { Found, LastError } from "../finding.ts";
import { refTo } from "../storage-ref.ts";
import type { StorageWorld } from "../storage-world.ts";

type Claim = Cached<PersistentVolumeClaim>;

function condition({ status }: Claim, ...types: readonly string[]): LastError | undefined {
  const found = status?.conditions?.find((one) => one.status === "True" && types.includes(one.type));
  if (found === undefined) return undefined;
  const { type, reason, message = "", lastTransitionTime: at } = found;
  const text = reason === undefined || reason === "" ? message : `${reason}: ${message}`;
  return { source: `condition ${type}`, message: text, ...(at === undefined ? {} : { at }) };
}

/** Why a volume has not the size that its claim asks for. */
export function growing(claim: Claim, world: StorageWorld): Found | undefined {
  const { status, spec } = claim;
  if (status?.phase !== "Bound" || claim.metadata.deletionTimestamp !== undefined) return undefined;
  const wanted = spec?.resources?.requests?.["storage"] ?? "0";
  const has = status.capacity?.["storage"] ?? "0";
  const state = status.allocatedResourceStatuses?.["storage"];
  if (state === undefined && compareQuantities(parseQuantity(wanted), parseQuantity(has)) <= 0) return undefined;
  const about = refTo("PersistentVolumeClaim", claim);
  const driver = world.volume(spec?.volumeName)?.spec?.csi?.driver ?? "its driver";
  const told = world.lastEvent(about, "VolumeResizeFailed", "FileSystemResizeFailed");
  const failed = condition(claim, "ControllerResizeError", "NodeResizeError") ?? told;
  const step = `from ${has} to ${status.allocatedResources?.["storage"] ?? wanted}`;
  if (state === "ControllerResizeInfeasible" || state === "NodeResizeInfeasible") {
    return {
      code: "ResizeInfeasible",
      message: `${driver} says that it cannot grow ${step}`,
      waitsFor: "another size",
      lastError: failed,
      remedy: `ask for a smaller size, more than ${has}: kubectl patch pvc ${about.name} -n ${about.namespace} --type=merge -p '{"spec":{"resources":{"requests":{"storage":"SIZE"}}}}'`,
    };
  }
  if (state === "NodeResizePending" || condition(claim, "FileSystemResizePending") !== undefined) {
    const pod = world.podsOf(claim).find((one) => one.spec?.nodeName !== undefined);
    const where = pod?.spec?.nodeName;
    return {
      code: "ResizeWaitsForNode",
      ...(failed === undefined ? { state: "waiting" } : {}),
      message: `its volume has grown ${step} at the driver; its file system grows on the node where it is used${where === undefined ? ", and no pod uses it" : ""}`,
      waitsFor: where === undefined ? "a pod that uses the claim" : `the kubelet of ${where}`,
      lastError: failed,
      remedy: where === undefined ? "start a pod with the claim" : "see the driver's log on that node",
    };
  }
  if (failed !== undefined) {
    return {
      code: "ResizeFailed",
      message: `${driver} could not grow it ${step}, and is asked again`,
      waitsFor: `the driver ${driver}`,
      lastError: failed,
      remedy: "correct what the error names; a smaller size than the last one that was asked for is allowed too",
    };
  }
  if (state !== undefined || condition(claim, "Resizing") !== undefined) {
    return {
      code: "ResizeInProgress",
      state: "waiting",
      message: `it is growing ${step}`,
      waitsFor: state === "NodeResizeInProgress" ? "the kubelet" : `the resizer of ${driver}`,
      remedy: "nothing: it goes on by itself",
    };
  }
  return {
    code: "ResizeNotBegun",
    state: "waiting",
    message: `nobody has begun to grow it ${step}`,
    waitsFor: `the resizer of ${driver}`,
    remedy: "if it stays, see whether the driver can grow volumes, and whether its resizer runs",
  };
}

/** Why a volume has not the VolumeAttributesClass that its claim asks for. */
export function modifying(claim: Claim, world: StorageWorld): Found | undefined {
  const { status, spec } = claim;
  if (status?.phase !== "Bound" || claim.metadata.deletionTimestamp !== undefined) return undefined;
  const wanted = spec?.volumeAttributesClassName ?? "";
  const state = status.modifyVolumeStatus;
  if (state === undefined && (wanted === "" || wanted === status.currentVolumeAttributesClassName)) return undefined;
  const target = state?.targetVolumeAttributesClassName ?? wanted;
  const driver = world.volume(spec?.volumeName)?.spec?.csi?.driver ?? "its driver";
  const about = refTo("PersistentVolumeClaim", claim);
  const lastError = condition(claim, "ModifyVolumeError") ?? world.lastEvent(about, "VolumeModifyFailed");
  const isThere = world.objects.attributesClasses.some(({ metadata }) => metadata.name === target);
  if (!isThere && target !== "") {
    return {
      code: "AttributesClassMissing",
      message: `its VolumeAttributesClass ${target} does not exist`,
      waitsFor: `VolumeAttributesClass ${target}`,
      lastError,
      remedy: "make the class, or name another in the claim's volumeAttributesClassName",
    };
  }
  if (state?.status === "Infeasible") {
    return {
      code: "ModifyInfeasible",
      message: `${driver} says that its volume cannot have the class ${target}`,
      waitsFor: "another VolumeAttributesClass",
      lastError,
      remedy: `name another class in the claim, or the one that it has: ${status.currentVolumeAttributesClassName ?? "none"}`,
    };
  }
  if (state !== undefined && lastError !== undefined) {
    return {
      code: "ModifyFailed",
      message: `${driver} could not change its volume to the class ${target}, and is asked again`,
      waitsFor: `the driver ${driver}`,
      lastError,
      remedy: "correct what the error names, or name another class in the claim",
    };
  }
  return {
    code: state === undefined ? "ModifyNotBegun" : "ModifyInProgress",
    state: "waiting",
    message: `its volume is to be changed to the class ${target}`,
    waitsFor: `the resizer of ${driver}`,
    remedy: "if it stays, see whether the driver can modify volumes, and whether its resizer runs",
  };
}
