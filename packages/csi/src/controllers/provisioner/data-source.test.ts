import type { Stored } from "@kx/controllers";
import { describe, expect, it } from "vitest";
import type { VolumeSnapshot, VolumeSnapshotContent } from "../../snapshot-controller/resources.ts";
import { cloneHandle, dataSourceOf, snapshotHandle } from "./data-source.ts";
import { cloneFinalizer, snapshotFinalizer } from "./names.ts";
import type { Claim } from "./plan-claim.ts";

const driverName = "disk.csi.kx.dev";
const stored = (name: string) => ({
  name,
  namespace: "x",
  uid: `uid-${name}`,
  resourceVersion: "1",
  creationTimestamp: "",
});
const deleted = { deletionTimestamp: "2026-01-01T00:00:00Z" };
const sized = (storage: string, more: object = {}): NonNullable<Claim["spec"]> => ({
  storageClassName: "fast",
  resources: { requests: { storage } },
  ...more,
});
const claim: Claim = { metadata: stored("copy"), spec: sized("2Gi") };

describe("dataSourceOf", () => {
  const of = (spec: object) => dataSourceOf({ ...claim, spec: { ...claim.spec, ...spec } });

  it("knows claims, snapshots, and what others fill volumes with", () => {
    expect(of({})).toBeUndefined();
    const from = { apiGroup: null, kind: "PersistentVolumeClaim", name: "data" };
    expect(of({ dataSource: from, dataSourceRef: from })).toEqual({ kind: "claim", namespace: "x", name: "data" });
    const snapshot = { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name: "s" };
    expect(of({ dataSourceRef: snapshot })).toEqual({ kind: "snapshot", namespace: "x", name: "s" });
    expect(of({ dataSourceRef: { apiGroup: "a.b", kind: "Image", name: "i" } })).toEqual({
      kind: "foreign",
      foreignKind: "Image",
    });
    expect(of({ dataSourceRef: { ...snapshot, apiGroup: "a.b" } })?.kind).toBe("foreign");
  });

  it("takes none of another namespace", () => {
    const ref = { kind: "PersistentVolumeClaim", name: "data", namespace: "y" };
    expect(() => of({ dataSourceRef: ref })).toThrow("KX_CSI_SOURCE");
    expect(of({ dataSourceRef: { ...ref, namespace: "x" } })?.kind).toBe("claim");
  });
});

describe("cloneHandle", () => {
  const from: Claim = { metadata: stored("data"), spec: sized("1Gi", { volumeName: "v" }), status: { phase: "Bound" } };
  const volume = {
    metadata: { name: "v" },
    spec: { csi: { driver: driverName, volumeHandle: "handle" }, claimRef: { uid: "uid-data" } },
    status: { phase: "Bound" },
  };
  const withSpec = (more: object) => ({ ...volume, spec: { ...volume.spec, ...more } });

  it("gives the handle of a bound volume that fits", () => {
    expect(cloneHandle(claim, driverName, { claim: from, volume })).toBe("handle");
  });

  it("goes on with one that is being deleted if it was begun before", () => {
    const kept = { ...from, metadata: { ...from.metadata, ...deleted, finalizers: [cloneFinalizer] } };
    expect(cloneHandle(claim, driverName, { claim: kept, volume })).toBe("handle");
  });

  it.each([
    ["does not exist", { claim: undefined, volume }],
    ["is not bound", { claim: { ...from, status: { phase: "Pending" } }, volume }],
    ["is being deleted", { claim: { ...from, metadata: { ...from.metadata, ...deleted } }, volume }],
    ["fewer than", { claim: { ...from, spec: sized("3Gi", { volumeName: "v" }) }, volume }],
    ["not bound to it", { claim: from, volume: undefined }],
    ["not bound to it", { claim: from, volume: withSpec({ claimRef: { uid: "other" } }) }],
    ["of the driver other", { claim: from, volume: withSpec({ csi: { driver: "other", volumeHandle: "h" } }) }],
    ["Filesystem is asked for", { claim: from, volume: withSpec({ volumeMode: "Block" }) }],
  ])("refuses one that %s", (why, source) => {
    expect(() => cloneHandle(claim, driverName, source)).toThrow(why);
  });
});

describe("snapshotHandle", () => {
  const snapshot: Stored<VolumeSnapshot> = {
    metadata: stored("s"),
    spec: { source: { persistentVolumeClaimName: "data" } },
    status: { boundVolumeSnapshotContentName: "c", readyToUse: true, restoreSize: "1Gi" },
  };
  const content: Stored<VolumeSnapshotContent> = {
    metadata: stored("c"),
    spec: {
      deletionPolicy: "Delete",
      driver: driverName,
      source: { volumeHandle: "volume" },
      sourceVolumeMode: "Filesystem",
      volumeSnapshotRef: { uid: "uid-s" },
    },
    status: { snapshotHandle: "handle" },
  };
  const block: Claim = { ...claim, spec: sized("2Gi", { volumeMode: "Block" }) };

  it("gives the handle of a ready snapshot that fits", () => {
    expect(snapshotHandle(claim, driverName, { snapshot, content })).toBe("handle");
  });

  it("allows another mode only where the content says so", () => {
    expect(() => snapshotHandle(block, driverName, { snapshot, content })).toThrow("allow-volume-mode-change");
    const annotations = { "snapshot.storage.kubernetes.io/allow-volume-mode-change": "true" };
    const allowing = { ...content, metadata: { ...content.metadata, annotations } };
    expect(snapshotHandle(block, driverName, { snapshot, content: allowing })).toBe("handle");
  });

  it("goes on with one that is being deleted if it was begun before", () => {
    const going = { ...snapshot, metadata: { ...snapshot.metadata, ...deleted } };
    expect(() => snapshotHandle(claim, driverName, { snapshot: going, content })).toThrow("being deleted");
    const kept = { ...going, metadata: { ...going.metadata, finalizers: [snapshotFinalizer] } };
    expect(snapshotHandle(claim, driverName, { snapshot: kept, content })).toBe("handle");
  });

  it.each([
    ["not bound", { snapshot: { ...snapshot, status: {} }, content }],
    ["does not exist", { snapshot, content: undefined }],
    ["not ready", { snapshot: { ...snapshot, status: { ...snapshot.status, readyToUse: false } }, content }],
    ["another snapshot", { snapshot, content: { ...content, spec: { ...content.spec, volumeSnapshotRef: {} } } }],
    ["of the driver other", { snapshot, content: { ...content, spec: { ...content.spec, driver: "other" } } }],
    ["fewer than", { snapshot: { ...snapshot, status: { ...snapshot.status, restoreSize: "3Gi" } }, content }],
    ["no handle", { snapshot, content: { ...content, status: {} } }],
  ])("refuses one that is %s", (why, source) => {
    expect(() => snapshotHandle(claim, driverName, source)).toThrow(why);
  });
});
