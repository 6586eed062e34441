import { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { describe, expect, it } from "vitest";
import {
  cacheOf,
  claimWithVolume,
  classOf,
  contentOf,
  driver,
  fast,
  type Held,
  held,
  snapshotOf,
} from "../../test/support/snapshot-objects.ts";
import { finalizers } from "./names.ts";
import { planSnapshot } from "./plan-snapshot.ts";
import { VolumeGroupSnapshot, VolumeSnapshotClass, VolumeSnapshotContent } from "./resources.ts";
import { worldOf } from "./snapshot-world.ts";

const nowMs = Date.UTC(2026, 10, 25, 12);
const plan = (snapshot: ReturnType<typeof snapshotOf>, ...others: readonly Held[]) =>
  planSnapshot(snapshot.object, worldOf(cacheOf(snapshot, ...others), nowMs, { groups: true, distributed: false }));
const reasons = (steps: ReturnType<typeof plan>) =>
  steps.flatMap((step) => (step.do === "event" ? [step.event.reason] : []));

const protectedMeta = { finalizers: [finalizers.snapshotAsSource] };
const data = claimWithVolume("data");

describe("a snapshot of a claim", () => {
  it("gets the default class of its volume's driver", () => {
    const snapshot = snapshotOf("data", { spec: { source: { persistentVolumeClaimName: "data" } } });
    const classes = [
      classOf(VolumeSnapshotClass, "other", { isDefault: true, driver: "other.example" }),
      classOf(VolumeSnapshotClass, "mine", { isDefault: true }),
      fast,
    ];
    expect(plan(snapshot, ...data, ...classes)).toMatchObject([
      { do: "patch", patch: { spec: { volumeSnapshotClassName: "mine" } } },
    ]);
    const two = [...classes, classOf(VolumeSnapshotClass, "mine-too", { isDefault: true })];
    expect(reasons(plan(snapshot, ...data, ...two))).toEqual(["SetDefaultSnapshotClassFailed"]);
    expect(reasons(plan(snapshot, ...data, fast))).toEqual(["SetDefaultSnapshotClassFailed"]);
  });

  it("says that its class is missing, once", () => {
    const steps = plan(snapshotOf("data"), ...data);
    expect(reasons(steps)).toEqual(["GetSnapshotClassFailed"]);
    const told = steps.find((step) => step.do === "patch")?.patch["status"] as { error: { message: string } };
    expect(told).toEqual({ error: { message: expect.stringContaining("fast"), time: "2026-11-25T12:00:00Z" } });
    const again = plan(snapshotOf("data", { status: told }), ...data);
    expect(again).toMatchObject([{ do: "retry" }]);
  });

  it("is protected before anything is made", () => {
    expect(plan(snapshotOf("data"), ...data, fast)).toEqual([
      {
        do: "patch",
        resource: expect.objectContaining({ kind: "VolumeSnapshot" }),
        object: expect.anything(),
        patch: { metadata: protectedMeta },
      },
    ]);
  });

  it("gets a content, with the claim kept meanwhile and the secret's name resolved", () => {
    const parameters = {
      "csi.storage.k8s.io/snapshotter-secret-name": "${volumesnapshot.name}-key",
      "csi.storage.k8s.io/snapshotter-secret-namespace": "${volumesnapshot.namespace}",
    };
    const snapshot = snapshotOf("data", { metadata: protectedMeta });
    const steps = plan(snapshot, ...data, classOf(VolumeSnapshotClass, "fast", { parameters }));
    expect(steps).toMatchObject([
      {
        do: "patch",
        resource: { kind: "PersistentVolumeClaim" },
        patch: { metadata: { finalizers: [finalizers.claimAsSource] } },
      },
      {
        do: "create",
        object: {
          metadata: {
            name: "snapcontent-snap-uid",
            annotations: {
              "snapshot.storage.kubernetes.io/deletion-secret-name": "snap-key",
              "snapshot.storage.kubernetes.io/deletion-secret-namespace": "shop",
            },
          },
          spec: {
            driver,
            deletionPolicy: "Delete",
            source: { volumeHandle: "vol-data" },
            sourceVolumeMode: "Filesystem",
            volumeSnapshotClassName: "fast",
            volumeSnapshotRef: { kind: "VolumeSnapshot", name: "snap", namespace: "shop", uid: "snap-uid" },
          },
        },
      },
      { do: "event", event: { reason: "CreatingSnapshot" } },
    ]);
  });

  it.each([
    ["a claim that is missing", [fast]],
    ["a claim that is going", [...claimWithVolume("data", { deletionTimestamp: "2026-01-01T00:00:00Z" }), fast]],
    ["a claim without a volume", [held(PersistentVolumeClaim, "data", { status: { phase: "Pending" } }), fast]],
    ["a volume that is another's", [...claimWithVolume("data", { uid: "later" }), fast]],
  ])("is not taken of %s", (_, others) => {
    const steps = plan(snapshotOf("data", { metadata: protectedMeta }), ...others);
    expect(reasons(steps)).toEqual(["SnapshotContentCreationFailed"]);
    expect(steps.some((step) => step.do === "create")).toBe(false);
  });

  it("takes over what the driver said of it", () => {
    const status = {
      readyToUse: true,
      creationTime: Date.UTC(2026, 0, 2) * 1e6,
      restoreSize: 1024 ** 3,
      snapshotHandle: "s1",
    };
    const steps = plan(snapshotOf("data", { metadata: protectedMeta }), ...data, fast, contentOf({ status }));
    expect(steps).toMatchObject([
      {
        do: "patch",
        subresource: "status",
        patch: {
          status: {
            boundVolumeSnapshotContentName: "snapcontent-snap-uid",
            readyToUse: true,
            creationTime: "2026-01-02T00:00:00Z",
            restoreSize: "1Gi",
          },
        },
      },
      { do: "event", event: { reason: "SnapshotCreated" } },
      { do: "event", event: { reason: "SnapshotReady" } },
    ]);
  });

  it("takes its error from the content, and loses it with the content's", () => {
    const error = { message: "no room", time: "2026-01-01T00:00:00Z" };
    const bound = { boundVolumeSnapshotContentName: "snapcontent-snap-uid", readyToUse: false };
    const metadata = { finalizers: [finalizers.snapshotAsSource, finalizers.snapshotBound] };
    const failing = contentOf({ status: { error, readyToUse: false } });
    expect(plan(snapshotOf("data", { metadata, status: bound }), ...data, fast, failing)).toMatchObject([
      { patch: { status: { error } } },
    ]);
    const failed = snapshotOf("data", { metadata, status: { ...bound, error } });
    expect(plan(failed, ...data, fast, failing)).toEqual([]);
    expect(plan(failed, ...data, fast, contentOf())).toMatchObject([{ patch: { status: { error: null } } }]);
  });

  it("lets go of the claim when the last snapshot of it is ready", () => {
    const held1 = claimWithVolume("data", { finalizers: ["mine", finalizers.claimAsSource] });
    const ready = snapshotOf("data", {
      metadata: { finalizers: [finalizers.snapshotAsSource, finalizers.snapshotBound] },
      status: { readyToUse: true, boundVolumeSnapshotContentName: "snapcontent-snap-uid" },
    });
    const steps = plan(ready, ...held1, fast, contentOf());
    expect(steps).toMatchObject([
      { resource: { kind: "PersistentVolumeClaim" }, patch: { metadata: { finalizers: ["mine"] } } },
    ]);
    const other = { ...snapshotOf("data"), object: { ...snapshotOf("data").object } };
    other.object = { ...other.object, metadata: { ...other.object.metadata, name: "other", uid: "other-uid" } };
    expect(plan(ready, ...held1, fast, contentOf(), other)).toEqual([]);
  });

  it("is broken when its content is gone, or another's", () => {
    const status = { readyToUse: true, boundVolumeSnapshotContentName: "snapcontent-snap-uid" };
    const metadata = { finalizers: [finalizers.snapshotAsSource, finalizers.snapshotBound] };
    expect(reasons(plan(snapshotOf("data", { metadata, status }), ...data, fast))).toEqual(["SnapshotContentMissing"]);
    const elsewhere = contentOf({}, { volumeSnapshotRef: { name: "snap", namespace: "shop", uid: "earlier" } });
    const steps = plan(snapshotOf("data", { metadata, status }), ...data, fast, elsewhere);
    expect(reasons(steps)).toEqual(["SnapshotContentMisbound"]);
  });
});

describe("a snapshot that existed before", () => {
  const spec = { source: { volumeSnapshotContentName: "mine" } };
  const given = (ref: object, source: object = { snapshotHandle: "s1" }) =>
    held(VolumeSnapshotContent, "mine", {
      spec: {
        driver,
        deletionPolicy: "Retain",
        source,
        volumeSnapshotRef: { name: "snap", namespace: "shop", ...ref },
      },
    });
  const snapshot = snapshotOf("", { spec, metadata: protectedMeta });

  it("is bound to a content that is reserved for it", () => {
    expect(plan(snapshot, given({}))).toMatchObject([
      {
        do: "patch",
        resource: { kind: "VolumeSnapshotContent" },
        patch: { spec: { volumeSnapshotRef: { uid: "snap-uid" } } },
      },
    ]);
  });

  it("then takes its status; without the bound finalizer, as the content is retained", () => {
    const status = { boundVolumeSnapshotContentName: "mine", readyToUse: false };
    expect(plan(snapshot, given({ uid: "snap-uid" }))).toMatchObject([{ patch: { status } }]);
    expect(plan(snapshotOf("", { spec, metadata: protectedMeta, status }), given({ uid: "snap-uid" }))).toEqual([]);
  });

  it.each([
    ["is missing", [], "SnapshotContentMissing"],
    ["is another's", [given({ name: "other" })], "SnapshotContentMisbound"],
    ["is bound to an earlier one", [given({ uid: "earlier" })], "SnapshotContentMisbound"],
    ["is to be made", [given({}, { volumeHandle: "v" })], "SnapshotContentMismatch"],
  ])("waits when its content %s", (_, others, reason) => {
    const steps = plan(snapshot, ...others);
    expect(reasons(steps)).toEqual([reason]);
    expect(steps.at(-1)).toMatchObject({ do: "retry" });
  });
});

describe("a snapshot that is being deleted", () => {
  const deletionTimestamp = "2026-01-01T00:00:00Z";
  const status = { boundVolumeSnapshotContentName: "snapcontent-snap-uid", readyToUse: true };
  const all = [finalizers.snapshotAsSource, finalizers.snapshotBound];
  const going = snapshotOf("data", { metadata: { deletionTimestamp, finalizers: all }, status });

  it("has its content deleted first, and waits for it", () => {
    expect(plan(going, contentOf())).toMatchObject([
      {
        do: "patch",
        patch: { metadata: { annotations: { "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted": "yes" } } },
      },
      { do: "delete", resource: { kind: "VolumeSnapshotContent" } },
      { do: "patch", patch: { metadata: { finalizers: [finalizers.snapshotBound] } } },
    ]);
    expect(plan(going)).toMatchObject([{ do: "patch", patch: { metadata: { finalizers: [] } } }]);
  });

  it("leaves a content that is retained, but tells its sidecar", () => {
    const steps = plan(going, contentOf({}, { deletionPolicy: "Retain" }));
    expect(steps.map((step) => step.do)).toEqual(["patch", "patch"]);
    expect(steps[1]).toMatchObject({ patch: { metadata: { finalizers: [] } } });
  });

  it("finds the content that its status does not name yet, and leaves one that is another's", () => {
    const early = snapshotOf("data", { metadata: { deletionTimestamp, finalizers: all } });
    expect(plan(early, contentOf()).some((step) => step.do === "delete")).toBe(true);
    const others = contentOf({}, { volumeSnapshotRef: { name: "snap", namespace: "shop", uid: "earlier" } });
    expect(plan(early, others)).toMatchObject([{ patch: { metadata: { finalizers: [] } } }]);
  });

  it("waits for a volume that is made of it", () => {
    const dataSource = { kind: "VolumeSnapshot", apiGroup: "snapshot.storage.k8s.io", name: "snap" };
    const restore = held(PersistentVolumeClaim, "copy", { spec: { dataSource }, status: { phase: "Pending" } });
    const steps = plan(going, contentOf(), restore);
    expect(reasons(steps)).toEqual(["SnapshotDeletePending"]);
    expect(steps.map((step) => step.do)).toEqual(["event", "retry"]);
  });

  it("does not go before its group", () => {
    const member = snapshotOf("data", {
      metadata: { deletionTimestamp, finalizers: [...all, finalizers.snapshotInGroup] },
      status: { ...status, volumeGroupSnapshotName: "both" },
    });
    const group = (metadata: object) => held(VolumeGroupSnapshot, "both", { metadata, spec: { source: {} } });
    expect(reasons(plan(member, contentOf(), group({})))).toEqual(["SnapshotDeletePending"]);
    expect(plan(member, contentOf(), group({ deletionTimestamp }))).toEqual([]);
    expect(plan(member, contentOf()).at(-1)).toMatchObject({
      patch: { metadata: { finalizers: [finalizers.snapshotBound] } },
    });
  });

  it("is done when it has none of our finalizers", () => {
    expect(
      plan(snapshotOf("data", { metadata: { deletionTimestamp, finalizers: ["other"] }, status }), contentOf()),
    ).toEqual([]);
  });
});
