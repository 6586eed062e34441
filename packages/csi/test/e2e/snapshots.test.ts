// Snapshots and group snapshots: the snapshot controller and the snapshotter, a real API server, the hostpath driver.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isNotFound, type ObjectLike, type ObjectRef, type Resource, type Stored } from "@kx/controllers";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { eventually, testNamespace } from "@kx/controllers/testing";
import { csiControllers } from "@kx/csi/controllers";
import { hostpath } from "@kx/csi/hostpath";
import {
  snapshotController,
  snapshotCrds,
  VolumeGroupSnapshot,
  VolumeGroupSnapshotClass,
  VolumeGroupSnapshotContent,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from "@kx/csi/snapshot-controller";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CsiLab, startCsiLab } from "../support/csi-lab.ts";

let lab: CsiLab;
let driverName = "";

beforeAll(async () => {
  lab = await startCsiLab({
    driver: (stateDir) => hostpath({ nodeId: "node-1", stateDir, durability: "rename" }),
    extensions: (driver) => [snapshotController(), ...csiControllers(driver, { parts: ["snapshotter"] })],
  });
  driverName = lab.driver.name;
  await eventually(
    async () => {
      const { items } = await lab.client.list(CustomResourceDefinition);
      const ready = items.filter((crd) =>
        crd.status?.conditions?.some(({ type, status }) => type === "Established" && status === "True"),
      );
      return ready.length >= snapshotCrds({ groups: true }).length;
    },
    { describe: "the CRDs" },
  );
  for (const deletionPolicy of ["Delete", "Retain"] as const) {
    const name = deletionPolicy.toLowerCase();
    await lab.client.create(VolumeSnapshotClass, { metadata: { name }, driver: driverName, deletionPolicy });
    await lab.client.create(VolumeGroupSnapshotClass, { metadata: { name }, driver: driverName, deletionPolicy });
  }
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

async function find<T extends ObjectLike>(resource: Resource<T>, ref: ObjectRef): Promise<Stored<T> | undefined> {
  return await lab.client.get(resource, ref).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
}
const gone = (resource: Resource, ref: ObjectRef) =>
  eventually(async () => (await find(resource, ref)) === undefined, {
    describe: `${resource.kind} ${ref.name} to be gone`,
  });

async function readySnapshot(ref: ObjectRef): Promise<Stored<VolumeSnapshot>> {
  return await eventually(
    async () => {
      const snapshot = await lab.client.get(VolumeSnapshot, ref);
      if (snapshot.status?.readyToUse !== true) throw new Error(JSON.stringify(snapshot));
      return snapshot;
    },
    { describe: `snapshot ${ref.name} to be ready` },
  );
}

async function snapshotOf(namespace: string, claim: string, className: string, name = "snap") {
  await lab.client.create(VolumeSnapshot, {
    metadata: { namespace, name },
    spec: { source: { persistentVolumeClaimName: claim }, volumeSnapshotClassName: className },
  });
  const snapshot = await readySnapshot({ namespace, name });
  const content = await lab.client.get(VolumeSnapshotContent, {
    name: snapshot.status?.boundVolumeSnapshotContentName ?? "",
  });
  return { snapshot, content, handle: content.status?.snapshotHandle ?? "" };
}

const driverSnapshots = async () =>
  (await lab.driver.controller.listSnapshots({})).entries.map(({ snapshot }) => snapshot?.snapshotId ?? "");

describe("a snapshot of a claim", () => {
  it("is taken, described, and gives a volume of equal content", async () => {
    await using namespace = await testNamespace(lab.client);
    const { handle: volume } = await lab.claim(namespace.name, "data");
    await writeFile(join(lab.stateDir, "volumes", volume, "note"), `note of ${namespace.name}`);
    const { snapshot, content, handle } = await snapshotOf(namespace.name, "data", "delete");
    await writeFile(join(lab.stateDir, "volumes", volume, "note"), "later");

    expect(snapshot.status).toMatchObject({ restoreSize: "8Mi", creationTime: expect.stringMatching(/^20.*Z$/) });
    expect(snapshot.metadata.finalizers).toContain(
      "snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection",
    );
    expect(content).toMatchObject({
      spec: {
        driver: driverName,
        deletionPolicy: "Delete",
        source: { volumeHandle: volume },
        volumeSnapshotRef: { name: "snap", namespace: namespace.name, uid: snapshot.metadata.uid },
      },
      status: { readyToUse: true, restoreSize: 8 * 1024 ** 2 },
    });
    await eventually(
      async () => {
        const now = await lab.client.get(VolumeSnapshotContent, content.metadata);
        const { annotations = {}, finalizers = [] } = now.metadata;
        return (
          annotations["snapshot.storage.kubernetes.io/volumesnapshot-being-created"] === undefined &&
          finalizers.includes("snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection")
        );
      },
      { describe: "the content to be settled and protected" },
    );
    await eventually(
      async () => {
        const { metadata } = await lab.client.get(PersistentVolumeClaim, { namespace: namespace.name, name: "data" });
        return metadata.finalizers?.includes("snapshot.storage.kubernetes.io/pvc-as-source-protection") !== true;
      },
      { describe: "the claim to be let go" },
    );
    await eventually(
      async () => {
        const reasons = await lab.reasons(namespace.name, "snap");
        expect(reasons).toEqual(expect.arrayContaining(["CreatingSnapshot", "SnapshotCreated", "SnapshotReady"]));
        return true;
      },
      { describe: "the events" },
    );

    const copy = await lab.claim(namespace.name, "copy", { snapshotHandle: handle });
    const note = await readFile(join(lab.stateDir, "volumes", copy.handle, "note"), "utf8");
    expect(note).toBe(`note of ${namespace.name}`);
  });

  it("goes with its content and the driver's snapshot by policy Delete", async () => {
    await using namespace = await testNamespace(lab.client);
    await lab.claim(namespace.name, "data");
    const { snapshot, content, handle } = await snapshotOf(namespace.name, "data", "delete");
    expect(await driverSnapshots()).toContain(handle);
    await lab.client.delete(VolumeSnapshot, { namespace: namespace.name, name: "snap" });
    await gone(VolumeSnapshot, { namespace: namespace.name, name: "snap" });
    await gone(VolumeSnapshotContent, content.metadata);
    expect(await driverSnapshots()).not.toContain(handle);
    expect(snapshot.metadata.name).toBe("snap");
  });

  it("leaves both by policy Retain; the content then gives a snapshot that existed before", async () => {
    await using namespace = await testNamespace(lab.client);
    await lab.claim(namespace.name, "data");
    const { content, handle } = await snapshotOf(namespace.name, "data", "retain");
    await lab.client.delete(VolumeSnapshot, { namespace: namespace.name, name: "snap" });
    await gone(VolumeSnapshot, { namespace: namespace.name, name: "snap" });
    expect(await find(VolumeSnapshotContent, content.metadata)).toBeDefined();
    await lab.client.delete(VolumeSnapshotContent, content.metadata);
    await gone(VolumeSnapshotContent, content.metadata);
    expect(await driverSnapshots()).toContain(handle);

    await lab.client.create(VolumeSnapshotContent, {
      metadata: { name: `given-${namespace.name}` },
      spec: {
        driver: driverName,
        deletionPolicy: "Delete",
        source: { snapshotHandle: handle },
        volumeSnapshotRef: { namespace: namespace.name, name: "given" },
      },
    });
    await lab.client.create(VolumeSnapshot, {
      metadata: { namespace: namespace.name, name: "given" },
      spec: { source: { volumeSnapshotContentName: `given-${namespace.name}` } },
    });
    const given = await readySnapshot({ namespace: namespace.name, name: "given" });
    expect(given.status).toMatchObject({
      boundVolumeSnapshotContentName: `given-${namespace.name}`,
      restoreSize: "8Mi",
    });
    await lab.client.delete(VolumeSnapshot, { namespace: namespace.name, name: "given" });
    await gone(VolumeSnapshot, { namespace: namespace.name, name: "given" });
    await gone(VolumeSnapshotContent, { name: `given-${namespace.name}` });
    expect(await driverSnapshots()).not.toContain(handle);
  });

  it("waits for its claim, and says so", async () => {
    await using namespace = await testNamespace(lab.client);
    const ref = { namespace: namespace.name, name: "early" };
    await lab.client.create(VolumeSnapshot, {
      metadata: ref,
      spec: { source: { persistentVolumeClaimName: "data" }, volumeSnapshotClassName: "delete" },
    });
    await eventually(
      async () => (await lab.client.get(VolumeSnapshot, ref)).status?.error?.message?.includes("data does not exist"),
      { describe: "the error" },
    );
    await lab.claim(namespace.name, "data");
    const { status } = await readySnapshot(ref);
    expect(status?.error).toBeUndefined();
  });

  it("may not be changed once it is made, as the CRD says", async () => {
    await using namespace = await testNamespace(lab.client);
    const source = (persistentVolumeClaimName?: string, volumeSnapshotContentName?: string) => ({
      metadata: { namespace: namespace.name, name: "fixed" },
      spec: {
        source: {
          ...(persistentVolumeClaimName === undefined ? {} : { persistentVolumeClaimName }),
          ...(volumeSnapshotContentName === undefined ? {} : { volumeSnapshotContentName }),
        },
      },
    });
    const refused = { code: "KX_API_INVALID" };
    await expect(lab.client.create(VolumeSnapshot, source())).rejects.toMatchObject(refused);
    await expect(lab.client.create(VolumeSnapshot, source("a", "b"))).rejects.toMatchObject(refused);
    const { metadata } = await lab.client.create(VolumeSnapshot, source("a"));
    const patch = { spec: { source: { persistentVolumeClaimName: "b" } } };
    await expect(lab.client.patch(VolumeSnapshot, metadata, patch, { type: "merge" })).rejects.toMatchObject(refused);
  });
});

describe("a group snapshot", () => {
  const both = { matchLabels: { group: "both" } };

  async function readyGroup(namespace: string, className: string) {
    await lab.claim(namespace, "data", { labels: both.matchLabels });
    await lab.claim(namespace, "log", { labels: both.matchLabels });
    await lab.claim(namespace, "other");
    await lab.client.create(VolumeGroupSnapshot, {
      metadata: { namespace, name: "group" },
      spec: { source: { selector: both }, volumeGroupSnapshotClassName: className },
    });
    const group = await eventually(
      async () => {
        const found = await lab.client.get(VolumeGroupSnapshot, { namespace, name: "group" });
        if (found.status?.readyToUse !== true) throw new Error(JSON.stringify(found));
        return found;
      },
      { describe: "the group to be ready" },
    );
    const name = group.status?.boundVolumeGroupSnapshotContentName ?? "";
    return { group, content: await lab.client.get(VolumeGroupSnapshotContent, { name }) };
  }
  const members = async (namespace: string) => {
    const { items } = await lab.client.list(VolumeSnapshot, { namespace });
    return await Promise.all(items.map(({ metadata }) => readySnapshot(metadata)));
  };

  it("takes the volumes that it selects together, each as a snapshot that it owns", async () => {
    await using namespace = await testNamespace(lab.client);
    const { group, content } = await readyGroup(namespace.name, "delete");
    const snapshots = await members(namespace.name);
    const claims = snapshots.map(({ spec }) => spec.source.persistentVolumeClaimName);
    expect(new Set(claims)).toEqual(new Set(["data", "log"]));
    for (const { metadata, status } of snapshots) {
      expect(metadata.ownerReferences).toMatchObject([{ kind: "VolumeGroupSnapshot", uid: group.metadata.uid }]);
      expect(status).toMatchObject({ readyToUse: true, volumeGroupSnapshotName: "group" });
    }
    expect(content.status?.volumeSnapshotInfoList).toHaveLength(2);
    expect(await lab.reasons(namespace.name, "group")).toContain("CreatingGroupSnapshot");

    // One alone cannot go.
    const [first] = snapshots;
    await lab.client.delete(VolumeSnapshot, first?.metadata ?? { name: "" });
    await eventually(
      async () => (await lab.reasons(namespace.name, first?.metadata.name ?? "")).includes("SnapshotDeletePending"),
      { describe: "the refusal" },
    );
    expect(await find(VolumeSnapshot, first?.metadata ?? { name: "" })).toBeDefined();

    await lab.client.delete(VolumeGroupSnapshot, group.metadata);
    await gone(VolumeGroupSnapshot, group.metadata);
    for (const { metadata, status } of snapshots) {
      await gone(VolumeSnapshot, metadata);
      await gone(VolumeSnapshotContent, { name: status?.boundVolumeSnapshotContentName ?? "" });
    }
    await gone(VolumeGroupSnapshotContent, content.metadata);
    const left = await driverSnapshots();
    for (const { snapshotHandle = "" } of content.status?.volumeSnapshotInfoList ?? []) {
      expect(left).not.toContain(snapshotHandle);
    }
  });

  it("leaves the driver's snapshots by policy Retain, of which a group that existed before is made", async () => {
    await using namespace = await testNamespace(lab.client);
    const { group, content } = await readyGroup(namespace.name, "retain");
    await lab.client.delete(VolumeGroupSnapshot, group.metadata);
    await gone(VolumeGroupSnapshot, group.metadata);
    const handles = (content.status?.volumeSnapshotInfoList ?? []).map(({ snapshotHandle = "" }) => snapshotHandle);
    expect(handles).toHaveLength(2);
    expect(await driverSnapshots()).toEqual(expect.arrayContaining(handles));

    const name = `given-${namespace.name}`;
    await lab.client.create(VolumeGroupSnapshotContent, {
      metadata: { name },
      spec: {
        driver: driverName,
        deletionPolicy: "Delete",
        source: {
          groupSnapshotHandles: {
            volumeGroupSnapshotHandle: content.status?.volumeGroupSnapshotHandle ?? "",
            volumeSnapshotHandles: handles,
          },
        },
        volumeGroupSnapshotRef: { namespace: namespace.name, name: "given" },
      },
    });
    const ref = { namespace: namespace.name, name: "given" };
    await lab.client.create(VolumeGroupSnapshot, {
      metadata: ref,
      spec: { source: { volumeGroupSnapshotContentName: name } },
    });
    await eventually(async () => (await lab.client.get(VolumeGroupSnapshot, ref)).status?.readyToUse === true, {
      describe: "the given group to be ready",
    });
    await lab.client.delete(VolumeGroupSnapshot, ref);
    await gone(VolumeGroupSnapshot, ref);
    await gone(VolumeGroupSnapshotContent, { name });
    expect(await driverSnapshots()).not.toEqual(expect.arrayContaining(handles));
  });
});
