import type { Cached } from "@kx/controllers";
import type { CSIStorageCapacity, StorageClass } from "@kx/controllers/api/storage-v1";
import { describe, expect, it } from "vitest";
import type { Places } from "../provisioner/topology.ts";
import { capacityName, capacityPlaces, isCurrent, managerOf, wantsCapacity } from "./plan-capacity.ts";

const nodes: Readonly<Record<string, { keys?: string[]; labels: Record<string, string> }>> = {
  a1: { keys: ["zone"], labels: { zone: "a", app: "x" } },
  a2: { keys: ["zone"], labels: { zone: "a" } },
  b1: { keys: ["zone"], labels: { zone: "b" } },
  unlabelled: { keys: ["zone"], labels: {} },
  keyless: { keys: [], labels: { zone: "c" } },
  without: { labels: { zone: "d" } },
};
const places: Places = {
  keys: undefined,
  labels: [],
  keysOf: (node) => nodes[node]?.keys,
  labelsOf: (node) => nodes[node]?.labels,
};

it("finds each place of nodes with the driver once", () => {
  expect(capacityPlaces(Object.keys(nodes), places)).toEqual([{ zone: "a" }, { zone: "b" }]);
});

it("is wanted for the driver's classes that wait for a pod", () => {
  const of = (fields: Partial<StorageClass>) => ({ metadata: { name: "c" }, provisioner: "d", ...fields });
  const late = of({ volumeBindingMode: "WaitForFirstConsumer" });
  expect(wantsCapacity(late, "d", false)).toBe(true);
  expect(wantsCapacity(late, "other", true)).toBe(false);
  expect(wantsCapacity(of({}), "d", false)).toBe(false);
  expect(wantsCapacity(of({}), "d", true)).toBe(true);
  expect(wantsCapacity(undefined, "d", true)).toBe(false);
});

it("names objects the same whatever the order of labels, and differently for anything else", () => {
  const name = capacityName("d", "m", "c", { zone: "a", rack: "1" });
  expect(capacityName("d", "m", "c", { rack: "1", zone: "a" })).toBe(name);
  const others = [capacityName("d", "m", "c", undefined), capacityName("d", "m2", "c", { zone: "a", rack: "1" })];
  expect(new Set([name, ...others]).size).toBe(3);
});

it("names managers within a label's length", () => {
  expect(managerOf(undefined)).toBe("external-provisioner");
  expect(managerOf("node-1")).toBe("external-provisioner-node-1");
  const [long, other] = ["x".repeat(80), "x".repeat(81)].map(managerOf);
  expect(long).toHaveLength(63);
  expect(long).not.toBe(other);
});

describe("isCurrent", () => {
  const object = (fields: Partial<CSIStorageCapacity>): Cached<CSIStorageCapacity> => ({
    storageClassName: "c",
    ...fields,
    metadata: { name: "n", uid: "u", resourceVersion: "1", creationTimestamp: "" },
  });
  const mi = 1024n ** 2n;

  it("compares amounts, however written", () => {
    expect(isCurrent(object({ capacity: "1Mi" }), { bytes: mi, largest: undefined })).toBe(true);
    expect(isCurrent(object({ capacity: "1048576" }), { bytes: mi, largest: undefined })).toBe(true);
    expect(isCurrent(object({ capacity: "2Mi" }), { bytes: mi, largest: undefined })).toBe(false);
    expect(isCurrent(object({ capacity: "1Mi" }), { bytes: mi, largest: 0n })).toBe(false);
    expect(isCurrent(object({ capacity: "1Mi", maximumVolumeSize: "1Mi" }), { bytes: mi, largest: mi })).toBe(true);
    expect(isCurrent(undefined, { bytes: 0n, largest: undefined })).toBe(false);
  });
});
