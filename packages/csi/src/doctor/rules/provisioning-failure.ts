import type { Cached } from "@kx/controllers";
import type { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import type { StorageClass } from "@kx/controllers/api/storage-v1";
import { compareQuantities, parseQuantity } from "@kx/core/units";
import type { Found, LastError } from "../finding.ts";
import type { StorageWorld } from "../storage-world.ts";

// Sidecars write a status as gRPC's Go library names it, kx as CSI does.
const isRoom = /resource_?exhausted|out_?of_?range|no space left|not enough (?:free )?(?:space|capacity)/i;
const isTopology = /topolog|accessib/i;

/** What a driver said when it was asked for a volume. */
export function provisioningFailure(
  claim: Cached<PersistentVolumeClaim>,
  { provisioner, metadata, allowedTopologies }: Cached<StorageClass>,
  lastError: LastError,
  world: StorageWorld,
): Found {
  const waitsFor = `the driver ${provisioner}`;
  if (isRoom.test(lastError.message)) {
    const wanted = claim.spec?.resources?.requests?.["storage"] ?? "0";
    return {
      code: "NoRoom",
      message: `the driver ${provisioner} has no room for ${wanted}${roomOf(metadata.name, wanted, world)}`,
      waitsFor: `free capacity of ${provisioner}`,
      lastError,
      remedy: "free or add capacity, or make the claim anew with a size that the driver allows",
    };
  }
  if (isTopology.test(lastError.message)) {
    const allowed = allowedTopologies === undefined ? "" : `; the class ${metadata.name} has allowedTopologies`;
    return {
      code: "TopologyMismatch",
      message: `the driver ${provisioner} cannot make a volume where it is wanted${allowed}`,
      waitsFor,
      lastError,
      remedy:
        "see whether the driver runs on the nodes and their labels have its topology keys; correct allowedTopologies",
    };
  }
  return {
    code: "ProvisioningFailed",
    message: `the driver ${provisioner} was asked for a volume, and failed`,
    waitsFor,
    lastError,
    remedy:
      "correct what the error names: the class's parameters, its secrets, or the storage behind the driver; it is tried again",
  };
}

/** What the driver has told of its capacity for a class. */
export function roomOf(className: string, wanted: string, world: StorageWorld): string {
  const told = world.objects.capacities.filter(({ storageClassName }) => storageClassName === className);
  if (told.length === 0) return "";
  const most = told
    .map(({ maximumVolumeSize, capacity = "0" }) => maximumVolumeSize ?? capacity)
    .toSorted((a, b) => compareQuantities(parseQuantity(a), parseQuantity(b)))
    .at(-1);
  const isEnough = compareQuantities(parseQuantity(most ?? "0"), parseQuantity(wanted)) >= 0;
  return `; of the class ${className} it tells at most ${most}${isEnough ? ", so other places have room" : ""}`;
}
