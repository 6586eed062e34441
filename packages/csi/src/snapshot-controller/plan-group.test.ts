import { describe, expect, it } from "vitest";
import { cacheOf, claimWithVolume, classOf, driver, type Held, held } from "../../test/support/snapshot-objects.ts";
import { groupWorldOf } from "./group-world.ts";
import { finalizers } from "./names.ts";
import { planGroup } from "./plan-group.ts";
import {
  VolumeGroupSnapshot,
  VolumeGroupSnapshotClass,
  VolumeGroupSnapshotContent,
  VolumeSnapshot,
} from "./resources.ts";

const nowMs = Date.UTC(2026, 10, 25, 12);
const labels = { app: "db" };
const pair = [...claimWithVolume("data", { labels }), ...claimWithVolume("log", { labels }), ...claimWithVolume("x")];
const groups = classOf(VolumeGroupSnapshotClass, "groups");

function groupOf(rest: { spec?: object; status?: object; metadata?: object } = {}) {
  const spec = { source: { selector: { matchLabels: labels } }, volumeGroupSnapshotClassName: "groups" };
  const metadata = { finalizers: [finalizers.groupBound] };
  return held(VolumeGroupSnapshot, "both", { spec, metadata, ...rest } as never);
}
function contentOf(rest: { status?: object; spec?: object; metadata?: object } = {}) {
  return held(VolumeGroupSnapshotContent, "groupsnapcontent-both-uid", {
    ...rest,
    spec: {
      driver,
      deletionPolicy: "Delete",
      source: { volumeHandles: ["vol-data", "vol-log"] },
      volumeGroupSnapshotRef: { name: "both", namespace: "shop", uid: "both-uid" },
      ...rest.spec,
    },
  } as never);
}
const plan = (group: ReturnType<typeof groupOf>, ...others: readonly Held[]) =>
  planGroup(group.object, groupWorldOf(cacheOf(group, ...others), nowMs));
const reasons = (steps: ReturnType<typeof plan>) =>
  steps.flatMap((step) => (step.do === "event" ? [step.event.reason] : []));

describe("a group snapshot", () => {
  it("gets a content for the volumes of the claims that it selects", () => {
    expect(plan(groupOf(), ...pair, groups)).toMatchObject([
      {
        do: "create",
        object: {
          metadata: { name: "groupsnapcontent-both-uid" },
          spec: {
            driver,
            deletionPolicy: "Delete",
            source: { volumeHandles: ["vol-data", "vol-log"] },
            volumeGroupSnapshotClassName: "groups",
            volumeGroupSnapshotRef: { name: "both", namespace: "shop", uid: "both-uid" },
          },
        },
      },
      { do: "event", event: { reason: "CreatingGroupSnapshot" } },
    ]);
  });

  it("gets the default class", () => {
    const spec = { source: { selector: { matchLabels: labels } } };
    const mine = classOf(VolumeGroupSnapshotClass, "mine", { isDefault: true });
    expect(plan(groupOf({ spec }), ...pair, mine)).toMatchObject([
      { patch: { spec: { volumeGroupSnapshotClassName: "mine" } } },
    ]);
    expect(reasons(plan(groupOf({ spec }), ...pair, groups))).toEqual(["SetDefaultGroupSnapshotClassFailed"]);
  });

  it.each([
    ["selects nothing", [groups]],
    ["is of another driver than its class", [...pair, classOf(VolumeGroupSnapshotClass, "groups", { driver: "o" })]],
  ])("is refused when it %s", (_, others) => {
    expect(reasons(plan(groupOf(), ...others))).toEqual(["GroupSnapshotContentCreationFailed"]);
  });

  const info = (name: string) => ({ volumeHandle: `vol-${name}`, snapshotHandle: `s-${name}`, readyToUse: true });
  const taken = contentOf({
    status: {
      volumeGroupSnapshotHandle: "g1",
      readyToUse: true,
      creationTime: "2026-01-02T00:00:00Z",
      volumeSnapshotInfoList: [info("data"), info("log")],
    },
  });

  it("makes a snapshot and a content for each volume, binds them, then is ready", () => {
    const objects = new Map<string, Held>();
    const group = groupOf();
    const rounds: string[][] = [];
    for (let round = 0; round < 5; round++) {
      const steps = plan(group, ...pair, groups, taken, ...objects.values());
      rounds.push(steps.map((step) => (step.do === "patch" ? `${step.do} ${step.resource.kind}` : step.do)));
      for (const step of steps) {
        // As the API server would.
        if (step.do === "create") {
          const { name = "" } = step.object.metadata;
          objects.set(`${step.resource.kind}/${name}`, held(step.resource, name, step.object));
        } else if (step.do === "patch" && step.object !== group.object) {
          const old = step.object as unknown as { spec: object; status?: object };
          const patch = step.patch as { spec?: object; status?: object };
          const { name } = step.object.metadata;
          objects.set(
            `${step.resource.kind}/${name}`,
            held(step.resource, name, {
              metadata: step.object.metadata as object,
              spec: { ...old.spec, ...patch.spec },
              status: { ...old.status, ...patch.status },
            } as never),
          );
        }
      }
    }
    expect(rounds[0]).toEqual(["create", "create", "create", "create"]);
    expect(rounds[1]).toEqual(["patch VolumeSnapshotContent", "patch VolumeSnapshotContent"]);
    expect(rounds[2]?.toSorted()).toEqual([
      "patch VolumeSnapshot",
      "patch VolumeSnapshot",
      "patch VolumeSnapshotContent",
      "patch VolumeSnapshotContent",
    ]);
    expect(rounds[3]).toEqual(["patch VolumeGroupSnapshot", "event", "event"]);
    const members = [...objects.values()].map(({ object }) => object);
    expect(members).toContainEqual(
      expect.objectContaining({
        metadata: expect.objectContaining({
          finalizers: [finalizers.snapshotInGroup],
          ownerReferences: [expect.objectContaining({ kind: "VolumeGroupSnapshot", name: "both", uid: "both-uid" })],
        }),
        spec: { source: { persistentVolumeClaimName: "log" } },
      }),
    );
    expect(members).toContainEqual(
      expect.objectContaining({
        metadata: expect.objectContaining({
          annotations: { "groupsnapshot.storage.k8s.io/volumeGroupSnapshotHandle": "g1" },
        }),
        status: { snapshotHandle: "s-log", readyToUse: true, volumeGroupSnapshotHandle: "g1" },
      }),
    );
  });

  it("is protected before anything is made", () => {
    expect(plan(groupOf({ metadata: {} }), ...pair, groups)).toMatchObject([
      { patch: { metadata: { finalizers: [finalizers.groupBound] } } },
    ]);
  });

  it("is bound to a content that was there before", () => {
    const spec = { source: { volumeGroupSnapshotContentName: "groupsnapcontent-both-uid" } };
    const source = { groupSnapshotHandles: { volumeGroupSnapshotHandle: "g1", volumeSnapshotHandles: ["s1"] } };
    const reserved = contentOf({ spec: { source, volumeGroupSnapshotRef: { name: "both", namespace: "shop" } } });
    expect(plan(groupOf({ spec }), reserved)).toMatchObject([
      { patch: { spec: { volumeGroupSnapshotRef: { name: "both", namespace: "shop", uid: "both-uid" } } } },
    ]);
    expect(reasons(plan(groupOf({ spec })))).toEqual(["GroupSnapshotContentMissing"]);
    expect(reasons(plan(groupOf({ spec }), contentOf()))).toEqual(["GroupSnapshotContentMismatch"]);
    const others = contentOf({ spec: { source, volumeGroupSnapshotRef: { name: "both", namespace: "b" } } });
    expect(reasons(plan(groupOf({ spec }), others))).toEqual(["GroupSnapshotContentMisbound"]);
  });
});

describe("a group snapshot that is being deleted", () => {
  const deletionTimestamp = "2026-01-01T00:00:00Z";
  const going = groupOf({ metadata: { deletionTimestamp, finalizers: [finalizers.groupBound] } });
  const owner = {
    apiVersion: "groupsnapshot.storage.k8s.io/v1",
    kind: "VolumeGroupSnapshot",
    name: "both",
    uid: "both-uid",
  };
  const member = held(VolumeSnapshot, "m1", { metadata: { ownerReferences: [owner] }, spec: { source: {} } });

  it("has its content and its snapshots deleted, and waits for the content", () => {
    expect(plan(going, contentOf(), member)).toMatchObject([
      {
        do: "patch",
        patch: {
          metadata: { annotations: { "groupsnapshot.storage.kubernetes.io/volumegroupsnapshot-being-deleted": "yes" } },
        },
      },
      { do: "delete", resource: { kind: "VolumeGroupSnapshotContent" } },
      { do: "delete", object: { metadata: { name: "m1" } } },
    ]);
    expect(plan(going)).toMatchObject([{ patch: { metadata: { finalizers: [] } } }]);
  });

  it("goes at once when its content is retained", () => {
    const steps = plan(going, contentOf({ spec: { deletionPolicy: "Retain" } }));
    expect(steps.map((step) => step.do)).toEqual(["patch", "patch"]);
  });
});
