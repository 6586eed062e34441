import { describe, expect, it } from "vitest";
import { type ContentState, groupState, planContentWork, snapshotState } from "./plan-content.ts";

const fresh: ContentState = {
  driver: "disk.example",
  source: "volumes",
  isBound: true,
  isDeleted: false,
  isBeingCreated: false,
  isBeingDeleted: false,
  goesAlong: true,
  hasHandle: false,
  isReady: false,
};
const taken = { ...fresh, hasHandle: true, isReady: true };
const going = { ...taken, isDeleted: true, isBeingDeleted: true };

describe("planContentWork", () => {
  it.each([
    ["a volume", fresh, "create"],
    ["a volume, whose snapshot is not bound", { ...fresh, isBound: false }, "nothing"],
    ["a snapshot that is not ready", { ...fresh, hasHandle: true }, "create"],
    ["one that is ready", taken, "nothing"],
    ["one that is ready, as the annotation was left", { ...taken, isBeingCreated: true }, "settle"],
    ["one that existed before", { ...fresh, source: "snapshots" }, "look"],
    ["a group's, which its maker has not told", { ...fresh, source: "member" }, "nothing"],
    ["a group's that is not ready", { ...fresh, source: "member", hasHandle: true }, "look"],
    ["one that is deleted", going, "delete"],
    ["one that is retained", { ...going, goesAlong: false }, "release"],
    ["one that was never taken", { ...going, hasHandle: false, isReady: false }, "release"],
    ["a group's that is deleted, by its group's content", { ...going, source: "member" }, "release"],
    ["one whose VolumeSnapshot is still there", { ...going, isBeingDeleted: false }, "nothing"],
    ["one that may yet be taken", { ...going, isBeingCreated: true, isReady: false, hasHandle: false }, "create"],
    [
      "one that existed before and was never bound",
      { ...going, source: "snapshots", isBound: false, isBeingDeleted: false },
      "delete",
    ],
    ["another driver's", { ...fresh, driver: "other.example" }, "nothing"],
  ] as const)("%s", (_, state, work) => {
    expect(planContentWork(state, "disk.example")).toBe(work);
  });
});

describe("states", () => {
  const metadata = {
    annotations: {
      "snapshot.storage.kubernetes.io/volumesnapshot-being-created": "yes",
      "groupsnapshot.storage.kubernetes.io/volumegroupsnapshot-being-deleted": "yes",
    },
    deletionTimestamp: "2026-01-01T00:00:00Z",
  };

  it("are read of contents of snapshots", () => {
    const spec = {
      driver: "disk.example",
      deletionPolicy: "Retain",
      source: { snapshotHandle: "s" },
      volumeSnapshotRef: { name: "a", namespace: "b" },
    } as const;
    expect(snapshotState({ metadata, spec })).toEqual({
      ...fresh,
      source: "snapshots",
      isBound: false,
      isDeleted: true,
      isBeingCreated: true,
      goesAlong: false,
    });
    const annotations = { "groupsnapshot.storage.k8s.io/volumeGroupSnapshotHandle": "g" };
    expect(snapshotState({ metadata: { annotations }, spec }).source).toBe("member");
  });

  it("are read of contents of groups", () => {
    const spec = {
      driver: "disk.example",
      deletionPolicy: "Delete",
      source: { volumeHandles: ["v"] },
      volumeGroupSnapshotRef: { name: "a", namespace: "b", uid: "c" },
    } as const;
    const status = { readyToUse: true, volumeGroupSnapshotHandle: "g" };
    expect(groupState({ metadata, spec, status })).toEqual({ ...taken, isDeleted: true, isBeingDeleted: true });
  });
});
