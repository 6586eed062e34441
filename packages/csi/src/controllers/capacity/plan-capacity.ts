import { createHash } from "node:crypto";
import type { Cached, DeepReadonly } from "@kx/controllers";
import type { CSIStorageCapacity, StorageClass } from "@kx/controllers/api/storage-v1";
import type { Places, Segments } from "../provisioner/topology.ts";
import { bytesOf } from "../sizes.ts";

/** Whose a capacity object is. */
export const capacityLabels = {
  driver: "csi.storage.k8s.io/drivername",
  managedBy: "csi.storage.k8s.io/managed-by",
} as const;

const maxLabelLength = 63;

/** Who manages capacity objects: one for all, or one for each node. */
export function managerOf(node: string | undefined): string {
  const name = node === undefined ? "external-provisioner" : `external-provisioner-${node}`;
  if (name.length <= maxLabelLength) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${name.slice(0, maxLabelLength - 9)}-${digest}`;
}

/** Places where volumes can be made, each once; undefined stands for everywhere. */
export function capacityPlaces(nodes: readonly string[], places: Places): readonly Segments[] {
  const found = new Map<string, Segments>();
  for (const node of nodes) {
    const keys = places.keysOf(node) ?? [];
    const labels = places.labelsOf(node) ?? {};
    // Labels come with the node's registration, a moment later than its driver.
    if (keys.length === 0 || keys.some((key) => labels[key] === undefined)) continue;
    const sorted = keys.toSorted().map((key) => [key, labels[key] ?? ""] as const);
    found.set(JSON.stringify(sorted), Object.fromEntries(sorted));
  }
  return [...found.values()];
}

/** Whether the scheduler wants to know the capacity of a class. */
export function wantsCapacity(
  storageClass: DeepReadonly<StorageClass> | undefined,
  driverName: string,
  includesImmediate: boolean,
): boolean {
  if (storageClass?.provisioner !== driverName) return false;
  return includesImmediate || storageClass.volumeBindingMode === "WaitForFirstConsumer";
}

/** The name of the object for a class and a place: the same after every start. */
export function capacityName(
  driverName: string,
  manager: string,
  className: string,
  place: Segments | undefined,
): string {
  const sorted = Object.entries(place ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash("sha256")
    .update(JSON.stringify([driverName, manager, className, sorted]))
    .digest("hex");
  return `csisc-${digest.slice(0, 32)}`;
}

/** What a driver says of a class and a place. */
export interface Capacity {
  readonly bytes: bigint;
  /** The largest volume; undefined if the driver does not say. */
  readonly largest: bigint | undefined;
}

/** Whether an object says so already. */
export function isCurrent(object: Cached<CSIStorageCapacity> | undefined, { bytes, largest }: Capacity): boolean {
  if (object?.capacity === undefined || bytesOf(object.capacity) !== bytes) return false;
  const { maximumVolumeSize } = object;
  if (largest === undefined || maximumVolumeSize === undefined) return largest === maximumVolumeSize;
  return bytesOf(maximumVolumeSize) === largest;
}
