// What is stuck, told from a real API server with the controllers that make it so: the controller manager, the scheduler, the
// driver's sidecars and the snapshot controller. Nodes are there on paper only; what a kubelet would tell is told for it.
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import type { Resource, Stored } from "@kx/controllers";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { Event, Node, PersistentVolume, PersistentVolumeClaim, Pod } from "@kx/controllers/api/core-v1";
import { CSIDriver, VolumeAttachment, VolumeAttributesClass } from "@kx/controllers/api/storage-v1";
import { systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";
import { csiError, defineCsiDriver } from "@kx/csi";
import { type Explanation, explainStorage, type Finding, parseStorageRef, readStorageObjects } from "@kx/csi/doctor";
import { hostpath } from "@kx/csi/hostpath";
import {
  snapshotController,
  snapshotCrds,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from "@kx/csi/snapshot-controller";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DriverLab, driverLab, type StorageLab, storageLab } from "../support/controllers-lab.ts";
import { type PaperNodes, paperNodes } from "../support/paper-nodes.ts";

const driverName = "doctor.csi.kx.dev";
/** A driver of somebody else, on one node alone and without controllers here. */
const foreign = "foreign.csi.example.com";
const gone = "gone.csi.example.com";
const namespace = "doctor";

let cluster: ControlPlane;
let driver: DriverLab;
let lab: StorageLab & AsyncDisposable;
let nodes: PaperNodes;
const running = new AsyncDisposableStack();
/** Volumes that the driver cannot detach. */
const undetachable = new Set<string>();

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: true, scheduler: true });
  lab = await storageLab(cluster, namespace, driverName, () => driver?.log);
  driver = await driverLab("in process", cluster, (folder) => {
    const options = {
      name: driverName,
      nodeId: "id-1",
      durability: "rename",
      attach: true,
      capacityBytes: 1024n ** 3n,
    } as const;
    const { definition } = hostpath({ ...options, stateDir: `${folder}/state` });
    return defineCsiDriver({
      ...definition,
      async createVolume(request, ctx) {
        if (request.parameters["place"] === "none") throw csiError("EXHAUSTED", "no disk is free");
        return (await definition.createVolume?.(request, ctx)) ?? {};
      },
      async createSnapshot(request, ctx) {
        if (request.parameters["colour"] !== undefined) throw csiError("INVALID_ARGUMENT", "there is no colour");
        return (await definition.createSnapshot?.(request, ctx)) ?? {};
      },
      async controllerUnpublishVolume(request, ctx) {
        if (undetachable.has(request.volumeId)) throw csiError("UNAVAILABLE", "the switch does not answer");
        await definition.controllerUnpublishVolume?.(request, ctx);
      },
      async controllerExpandVolume(request, ctx) {
        const bytes = request.capacityRange?.requiredBytes ?? 0n;
        if (bytes > 64n * 1024n ** 2n) throw csiError("OUT_OF_RANGE", `${bytes} bytes are too many`);
        return (await definition.controllerExpandVolume?.(request, ctx)) ?? { capacityBytes: bytes };
      },
    });
  });
  running.use(await driver.controllers({ provisioner: { immediateTopology: false } }));
  const { log } = driver;
  const { kubeconfig } = cluster;
  running.use(
    await runHost({ role: "controller", extensions: [snapshotController()], log, clock: systemClock, kubeconfig }),
  );
  nodes = paperNodes(lab.client);
  await nodes.add("node-1", { [driverName]: "id-1", [foreign]: "id-1" });
  await nodes.add("node-2", { [driverName]: "wrong" });
  await nodes.add("node-3", { [driverName]: "id-1" });
  await lab.class("plain", { allowVolumeExpansion: true });
  await lab.client.create(CSIDriver, { metadata: { name: driverName }, spec: { attachRequired: true } });
  await lab.client.create(CSIDriver, { metadata: { name: foreign }, spec: { attachRequired: false } });
  await lab.until("the CRDs", async () => {
    const { items } = await lab.client.list(CustomResourceDefinition);
    const ready = items.filter((crd) =>
      crd.status?.conditions?.some(({ type, status }) => type === "Established" && status === "True"),
    );
    return ready.length >= snapshotCrds({ groups: true }).length;
  });
}, 180_000);
afterAll(async () => {
  await nodes?.[Symbol.asyncDispose]();
  await running[Symbol.asyncDispose]();
  await driver?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

/** What is told about an object. @param laterMs - how much later it is asked */
async function explain(object: string, laterMs = 0): Promise<Explanation> {
  const objects = await readStorageObjects(lab.client);
  return explainStorage(objects, parseStorageRef(object, namespace), Date.now() + laterMs);
}

/** Waits until something is found. */
async function find(object: string, code: string, holds: (found: Finding) => boolean = () => true, laterMs = 0) {
  return await lab.until(`${code} of ${object}`, async () => {
    const { findings } = await explain(object, laterMs);
    const found = findings.find((one) => one.code === code && holds(one));
    if (found === undefined) throw new Error(`found is: ${JSON.stringify(findings, undefined, 2)}`);
    return found;
  });
}
const told = (pattern: RegExp) => (found: Finding) => pattern.test(found.lastError?.message ?? "");

/** A pod of a claim. With a node it is one that runs there. */
async function pod(name: string, claimName: string, nodeName?: string, phase?: "Running"): Promise<Stored<Pod>> {
  const made = await lab.client.create(Pod, {
    metadata: { name, namespace },
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      containers: [{ name: "main", image: "none", volumeMounts: [{ name: "data", mountPath: "/data" }] }],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName } }],
    },
  });
  if (phase !== undefined) {
    const state = { running: { startedAt: new Date().toISOString() } };
    const main = { name: "main", ready: true, restartCount: 0, image: "none", imageID: "none", state };
    await setStatus(Pod, name, { phase, containerStatuses: [main] });
  }
  return made;
}

const setStatus = (resource: Resource, name: string, status: object) =>
  lab.client.patch(
    resource,
    resource.namespaced ? { name, namespace } : { name },
    { status },
    { type: "merge", subresource: "status" },
  );

/** A volume of a driver for a claim, bound by the controller manager. */
async function byHand(name: string, csiDriver: string, fields: Partial<PersistentVolume["spec"]> = {}) {
  const accessModes = fields.accessModes ?? ["ReadWriteOnce"];
  await lab.client.create(PersistentVolume, {
    metadata: { name },
    spec: {
      capacity: { storage: "16Mi" },
      csi: { driver: csiDriver, volumeHandle: name },
      persistentVolumeReclaimPolicy: "Retain",
      claimRef: { namespace, name },
      accessModes,
      ...fields,
    },
  });
  await lab.claim(name, "", { spec: { volumeName: name, accessModes } });
  return await lab.bound(name);
}

/** What a kubelet tells of a pod. */
const kubeletSays = (about: Stored<Pod>, reason: string, message: string) =>
  lab.client.create(Event, {
    metadata: { generateName: "kubelet.", namespace },
    involvedObject: { kind: "Pod", namespace, name: about.metadata.name, uid: about.metadata.uid },
    type: "Warning",
    reason,
    message,
    count: 3,
    firstTimestamp: new Date().toISOString(),
    lastTimestamp: new Date().toISOString(),
    source: { component: "kubelet", host: "node-1" },
  });

const removeFinalizers = (resource: Resource, name: string) =>
  lab.client.patch(
    resource,
    resource.namespaced ? { name, namespace } : { name },
    { metadata: { finalizers: null } },
    { type: "merge" },
  );

describe.concurrent("claims without a volume", () => {
  it("have no class, and there is no default one", async () => {
    await lab.client.create(PersistentVolumeClaim, {
      metadata: { name: "unset", namespace },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    });
    const found = await find("pvc/unset", "ClassUnset", told(/no storage class is set/));
    expect(found).toMatchObject({ state: "stuck", remedy: expect.stringContaining("is-default-class=true") });
  });

  it("name a class that does not exist, and a pod waits for them", async () => {
    await lab.claim("no-class", "plian");
    await pod("no-class", "no-class");
    const found = await find("pvc/no-class", "ClassMissing", told(/"plian" not found/));
    expect(found.remedy).toContain("did you mean plain?");
    expect(found.holdsUp).toEqual([{ kind: "Pod", namespace, name: "no-class" }]);
    const { chains } = await explain("pod/no-class");
    expect(chains).toMatchObject([
      {
        ref: { kind: "Pod", name: "no-class" },
        needs: [
          {
            ref: { kind: "PersistentVolumeClaim" },
            needs: [{ ref: { kind: "StorageClass", name: "plian" }, state: "does not exist" }],
          },
        ],
      },
    ]);
  });

  it("are of a driver that the cluster does not know", async () => {
    await lab.class("unknown", { provisioner: gone });
    await lab.claim("unknown", "unknown");
    expect(await find("pvc/unknown", "DriverMissing")).toMatchObject({ waitsFor: `the driver ${gone}` });
  });

  it("are of a driver that the chosen node has not", async () => {
    await lab.class("foreign-late", { provisioner: foreign, volumeBindingMode: "WaitForFirstConsumer" });
    await lab.claim("elsewhere", "foreign-late", {
      annotations: { "volume.kubernetes.io/selected-node": "node-2" },
    });
    expect(await find("pvc/elsewhere", "DriverNotOnNode")).toMatchObject({
      message: expect.stringContaining("node node-2; it is on node-1"),
    });
  });

  it("are for a node that does not exist", async () => {
    await lab.claim("nowhere", "foreign-late", { annotations: { "volume.kubernetes.io/selected-node": "node-9" } });
    expect(await find("pvc/nowhere", "SelectedNodeMissing")).toMatchObject({ waitsFor: "Node node-9" });
  });

  it("wait for their first pod, which is no fault, but one that goes round the scheduler is", async () => {
    await lab.class("late", { volumeBindingMode: "WaitForFirstConsumer" });
    await lab.claim("late", "late");
    expect(await find("pvc/late", "WaitsForConsumer")).toMatchObject({ state: "waiting" });
    await pod("late", "late", "node-1");
    expect(await find("pvc/late", "SchedulerBypassed")).toMatchObject({ state: "stuck" });
  });

  it("are refused by the driver", async () => {
    await lab.class("refused", { parameters: { backing: "nonsense" } });
    await lab.claim("refused", "refused");
    const found = await find("pvc/refused", "ProvisioningFailed", told(/neither directory nor image/));
    expect(found.lastError?.source).toBe("event ProvisioningFailed");
  });

  it("find no room", async () => {
    await lab.claim("large", "plain", { size: "2Gi" });
    await find("pvc/large", "NoRoom", told(/are left/));
    await lab.class("placeless", { parameters: { place: "none" } });
    await lab.claim("placeless", "placeless");
    expect(await find("pvc/placeless", "NoRoom", told(/no disk is free/))).toMatchObject({ state: "stuck" });
  });

  it("are of a driver of which nothing is heard, after a minute", async () => {
    await lab.class("silent", { provisioner: foreign });
    await lab.claim("silent", "silent");
    expect(await find("pvc/silent", "Provisioning")).toMatchObject({ state: "waiting" });
    expect(await find("pvc/silent", "ProvisionerSilent", undefined, 61_000)).toMatchObject({ state: "stuck" });
  });

  it("name a volume that does not exist, or that another claim has", async () => {
    await lab.claim("chosen", "", { spec: { volumeName: "no-such-volume" } });
    await find("pvc/chosen", "VolumeMissing");
    await byHand("taken", foreign);
    await lab.claim("second", "", { spec: { volumeName: "taken" } });
    expect(await find("pvc/second", "VolumeTaken")).toMatchObject({
      message: expect.stringContaining(`belongs to the claim ${namespace}/taken`),
    });
  });

  it("have lost it", async () => {
    await byHand("lost", foreign);
    await lab.client.delete(PersistentVolume, { name: "lost" });
    await removeFinalizers(PersistentVolume, "lost");
    await find("pvc/lost", "ClaimLost", told(/lost/i));
  });

  it("are to be filled from what is not there, or not ready", async () => {
    const source = (kind: string, name: string) => ({
      dataSource: { kind, name, apiGroup: "snapshot.storage.k8s.io" },
    });
    await lab.claim("restored", "plain", { spec: source("VolumeSnapshot", "never-taken") });
    expect(await find("pvc/restored", "SourceMissing")).toMatchObject({
      waitsFor: `VolumeSnapshot ${namespace}/never-taken`,
    });
  });
});

describe.concurrent("pods", () => {
  it("wait for a claim that does not exist", async () => {
    await pod("claimless", "never-made");
    await find("pod/claimless", "ClaimMissing", told(/never-made/));
  });

  it("wait for the one pod that may have a volume", async () => {
    await byHand("single", foreign, { accessModes: ["ReadWriteOncePod"] });
    await pod("single-1", "single", "node-1", "Running");
    await pod("single-2", "single");
    expect(await find("pod/single-2", "SinglePodVolume", told(/ReadWriteOncePod/))).toMatchObject({
      waitsFor: `Pod ${namespace}/single-1`,
    });
  });

  it("cannot run where their volume is", async () => {
    const matchExpressions = [{ key: "zone", operator: "In", values: ["nowhere"] }];
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    await byHand("placed", foreign, { nodeAffinity });
    await pod("placed", "placed");
    expect(await find("pod/placed", "TopologyMismatch", told(/node affinity/))).toMatchObject({
      message: expect.stringContaining("placed is at no node of this cluster"),
    });
  });

  it("find no node with room", async () => {
    const measured = "measured.csi.example.com";
    await lab.client.create(CSIDriver, { metadata: { name: measured }, spec: { storageCapacity: true } });
    await lab.class("measured", { provisioner: measured, volumeBindingMode: "WaitForFirstConsumer" });
    await lab.claim("measured", "measured");
    await pod("measured", "measured");
    await find("pod/measured", "NoRoom", told(/free storage/));
    const { findings } = await explain("pod/measured");
    expect(findings.map(({ code }) => code)).toEqual(["NoRoom", "WaitsForScheduling"]);
  });

  it("wait for a driver that is not on their node", async () => {
    await byHand("absent", foreign);
    const waiting = await pod("absent", "absent", "node-2");
    const text = `MountVolume.MountDevice failed for volume "absent" : driver name ${foreign} not found in the list of registered CSI drivers`;
    await kubeletSays(waiting, "FailedMount", text);
    const found = await find("pod/absent", "DriverNotOnNode", told(/list of registered CSI drivers/));
    expect(found.lastError?.count).toBe(3);
    expect(found.waitsFor).toBe(`the driver ${foreign} on the node node-2`);
  });

  it("cannot mount", async () => {
    await byHand("unmountable", foreign);
    const waiting = await pod("unmountable", "unmountable", "node-1");
    await kubeletSays(waiting, "FailedMount", "MountVolume.SetUp failed: rpc error: wrong fs type");
    await find("pod/unmountable", "MountFailed", told(/wrong fs type/));
  });

  it("wait for a volume that another node has", async () => {
    await lab.claim("shared", "plain");
    await lab.bound("shared");
    await pod("shared-1", "shared", "node-1", "Running");
    await attached("shared");
    await pod("shared-3", "shared", "node-3");
    const found = await find("pod/shared-3", "MultiAttach", told(/already used by pod/));
    expect(found.waitsFor).toBe(`Pod ${namespace}/shared-1`);
  });
});

/** The attachment of a claim's volume, once it has one. */
async function attachmentOf(claim: string): Promise<Stored<VolumeAttachment>> {
  const { metadata } = await lab.bound(claim);
  return await lab.until(`an attachment of ${claim}`, async () => {
    const { items } = await lab.client.list(VolumeAttachment);
    return items.find(({ spec }) => spec.source.persistentVolumeName === metadata.name);
  });
}
const attached = (claim: string) =>
  lab.until(`${claim} is attached`, async () => {
    const found = await attachmentOf(claim);
    if (found.status?.attached !== true) throw new Error(JSON.stringify(found.status));
    return found;
  });

describe.concurrent("attachments", () => {
  it("fail as the driver says", async () => {
    await lab.claim("refusing", "plain");
    await lab.bound("refusing");
    await pod("refusing", "refusing", "node-2");
    const { metadata } = await attachmentOf("refusing");
    const found = await find(`va/${metadata.name}`, "AttachFailed", told(/gRPC code 5/));
    expect(found.holdsUp).toEqual([{ kind: "Pod", namespace, name: "refusing" }]);
    expect(found.lastError?.source).toBe("status.attachError");
    // The same from the pod's side.
    await find("pod/refusing", "AttachFailed");
  });

  it("cannot be ended, as the driver says, and hold their volume", async () => {
    await lab.claim("held", "plain");
    const { metadata, spec } = await lab.bound("held");
    undetachable.add(spec?.csi?.volumeHandle ?? "");
    const name = "held-by-hand";
    await lab.client.create(VolumeAttachment, {
      metadata: { name },
      spec: { attacher: driverName, nodeName: "node-1", source: { persistentVolumeName: metadata.name } },
    });
    await attached("held");
    await lab.client.delete(PersistentVolumeClaim, { name: "held", namespace });
    const released = await find(`pv/${metadata.name}`, "VolumeAttached", told(/still attached to node node-1/));
    expect(released.waitsFor).toBe(`VolumeAttachment ${name}`);
    await lab.client.delete(VolumeAttachment, { name });
    const found = await find(`va/${name}`, "DetachFailed", told(/the switch does not answer/));
    expect(found.holdsUp).toEqual([{ kind: "PersistentVolume", name: metadata.name }]);
    undetachable.clear();
    await lab.gone(VolumeAttachment, name);
    await lab.gone(PersistentVolume, metadata.name);
  });

  it("are to a node that is gone", async () => {
    await lab.claim("dangling", "plain");
    const { metadata } = await lab.bound("dangling");
    await lab.client.create(VolumeAttachment, {
      metadata: { name: "dangling" },
      spec: { attacher: driverName, nodeName: "node-9", source: { persistentVolumeName: metadata.name } },
    });
    expect(await find("va/dangling", "NodeGone")).toMatchObject({ remedy: expect.stringContaining("6 minutes") });
  });

  it("are to a node that is down, until it is declared out of service", async () => {
    await nodes.add("node-down", { [driverName]: "id-1" });
    await lab.claim("down", "plain");
    await lab.bound("down");
    await pod("down", "down", "node-down", "Running");
    const { metadata } = await attached("down");
    await nodes.fall("node-down");
    await lab.client.delete(Pod, { name: "down", namespace });
    const found = await find(`va/${metadata.name}`, "NodeDown");
    expect(found).toMatchObject({ state: "stuck", holdsUp: [{ kind: "Pod", namespace, name: "down" }] });
    const [, key = "", value = "", effect = ""] = /taint node node-down (\S+?)=(\w+):(\w+)/.exec(found.remedy) ?? [];
    // The remedy is what it says.
    await lab.client.patch(
      Node,
      { name: "node-down" },
      { spec: { taints: [{ key, value, effect }] } },
      { type: "merge" },
    );
    await lab.gone(Pod, "down");
    await lab.gone(VolumeAttachment, metadata.name);
  });

  it("have the finalizer of a driver that is gone", async () => {
    const finalizer = "external-attacher/gone-csi-example-com";
    await lab.client.create(VolumeAttachment, {
      metadata: { name: "orphan", finalizers: [finalizer] },
      spec: { attacher: gone, nodeName: "node-1", source: { persistentVolumeName: "whatever" } },
    });
    await lab.client.delete(VolumeAttachment, { name: "orphan" });
    const found = await find("va/orphan", "FinalizerLeft");
    expect(found.message).toContain(finalizer);
    const [, patch = ""] = /-p '(.*)'/.exec(found.remedy) ?? [];
    await lab.client.patch(VolumeAttachment, { name: "orphan" }, JSON.parse(patch) as object, { type: "merge" });
    await lab.gone(VolumeAttachment, "orphan");
  });
});

describe.concurrent("volumes", () => {
  it("are not deleted, as the driver is gone", async () => {
    await byHand("abandoned", gone, { persistentVolumeReclaimPolicy: "Delete" });
    await lab.client.delete(PersistentVolumeClaim, { name: "abandoned", namespace });
    await find("pv/abandoned", "DriverMissing");
  });

  it("are kept by their policy, which is no fault", async () => {
    await byHand("kept", foreign);
    await lab.client.delete(PersistentVolumeClaim, { name: "kept", namespace });
    expect(await find("pv/kept", "VolumeRetained")).toMatchObject({ state: "waiting" });
  });

  it("could not be deleted", async () => {
    await byHand("failed", foreign, { persistentVolumeReclaimPolicy: "Delete" });
    await setStatus(PersistentVolume, "failed", { phase: "Failed", message: "snapshots of it exist" });
    await lab.client.delete(PersistentVolumeClaim, { name: "failed", namespace });
    await lab.until("its claim is gone", async () => (await lab.get(PersistentVolumeClaim, "failed")) === undefined);
    await setStatus(PersistentVolume, "failed", { phase: "Failed", message: "snapshots of it exist" });
    await find("pv/failed", "DeletionFailed", told(/snapshots of it exist/));
  });

  it("and claims are in use", async () => {
    await byHand("used", foreign);
    await pod("used", "used", "node-1", "Running");
    await lab.client.delete(PersistentVolume, { name: "used" });
    expect(await find("pv/used", "VolumeInUse")).toMatchObject({
      waitsFor: `PersistentVolumeClaim ${namespace}/used`,
    });
    await lab.client.delete(PersistentVolumeClaim, { name: "used", namespace });
    expect(await find("pvc/used", "ClaimInUse")).toMatchObject({ waitsFor: `Pod ${namespace}/used` });
  });
});

describe.concurrent("changes of volumes", () => {
  it("are impossible: growth", async () => {
    await lab.claim("giant", "plain");
    await lab.bound("giant");
    await grow("giant", "128Mi");
    const found = await find("pvc/giant", "ResizeInfeasible", told(/too many/));
    expect(found.message).toContain("from 16Mi to 128Mi");
  });

  it("wait for the node, or fail there", async () => {
    await lab.class("images", { allowVolumeExpansion: true, parameters: { backing: "image" } });
    await lab.claim("image", "images");
    await lab.bound("image");
    await grow("image", "32Mi");
    expect(await find("pvc/image", "ResizeWaitsForNode")).toMatchObject({
      state: "waiting",
      waitsFor: "a pod that uses the claim",
    });
    await pod("image", "image", "node-1");
    await find("pvc/image", "ResizeWaitsForNode", ({ waitsFor }) => waitsFor === "the kubelet of node-1");
  });

  it("have not begun, or are under way", async () => {
    await byHand("growing", foreign);
    const storage = (state: string) => ({ allocatedResourceStatuses: { storage: state } });
    await setStatus(PersistentVolumeClaim, "growing", {
      allocatedResources: { storage: "32Mi" },
      ...storage("ControllerResizeInProgress"),
    });
    expect(await find("pvc/growing", "ResizeInProgress")).toMatchObject({ state: "waiting" });
    const failure = { type: "ControllerResizeError", status: "True", message: "the pool is degraded" };
    await setStatus(PersistentVolumeClaim, "growing", { conditions: [failure] });
    expect(await find("pvc/growing", "ResizeFailed", told(/degraded/))).toMatchObject({ state: "stuck" });
  });

  it("are impossible, or of a class that is missing: attributes", async () => {
    const attributes = (name: string, parameters: Record<string, string>) =>
      lab.client.create(VolumeAttributesClass, { metadata: { name }, driverName, parameters });
    await attributes("nonsense", { colour: "red" });
    await lab.claim("modified", "plain");
    await lab.bound("modified");
    const choose = (volumeAttributesClassName: string) =>
      lab.client.patch(
        PersistentVolumeClaim,
        { name: "modified", namespace },
        { spec: { volumeAttributesClassName } },
        { type: "merge" },
      );
    await choose("nonsense");
    await find("pvc/modified", "ModifyInfeasible", told(/colour/));
    await choose("never-made");
    await find("pvc/modified", "AttributesClassMissing");
    await attributes("never-made", { tier: "gold" });
    await lab.until("the class is set", async () => {
      const { findings } = await explain("pvc/modified");
      return findings.length === 0;
    });
  });
});

const grow = (name: string, storage: string) =>
  lab.client.patch(
    PersistentVolumeClaim,
    { name, namespace },
    { spec: { resources: { requests: { storage } } } },
    { type: "merge" },
  );

describe.concurrent("snapshots", () => {
  const take = (name: string, claim: string, volumeSnapshotClassName: string) =>
    lab.client.create(VolumeSnapshot, {
      metadata: { name, namespace },
      spec: { source: { persistentVolumeClaimName: claim }, volumeSnapshotClassName },
    });

  it("lack their class or their source", async () => {
    await lab.claim("source", "plain");
    await lab.bound("source");
    await take("classless", "source", "no-such-class");
    await find("vs/classless", "SnapshotClassMissing", told(/no-such-class/));
    await lab.client.create(VolumeSnapshotClass, {
      metadata: { name: "snapshots" },
      driver: driverName,
      deletionPolicy: "Delete",
    });
    await take("sourceless", "never-there", "snapshots");
    await find("vs/sourceless", "SourceMissing", told(/never-there/));
  });

  it("could not be taken, and hold up what is restored from them", async () => {
    await lab.client.create(VolumeSnapshotClass, {
      metadata: { name: "wrong" },
      driver: driverName,
      deletionPolicy: "Delete",
      parameters: { colour: "red" },
    });
    await lab.claim("photographed", "plain");
    await lab.bound("photographed");
    await take("untakeable", "photographed", "wrong");
    const waiting = await find("vs/untakeable", "WaitsForContent", told(/colour/));
    const [, content = ""] = /VolumeSnapshotContent (\S+)/.exec(waiting.waitsFor) ?? [];
    await find(`vsc/${content}`, "SnapshotFailed", told(/colour/));
    await lab.claim("restoring", "plain", {
      spec: { dataSource: { kind: "VolumeSnapshot", name: "untakeable", apiGroup: "snapshot.storage.k8s.io" } },
    });
    await find(`vsc/${content}`, "SnapshotFailed", ({ holdsUp }) => holdsUp.some(({ name }) => name === "restoring"));
    await find("pvc/restoring", "SourceNotReady");
    // A snapshot that something is made of stays.
    await lab.client.delete(VolumeSnapshot, { name: "untakeable", namespace });
    await find("vs/untakeable", "SourceInUse", ({ waitsFor }) => waitsFor.endsWith("restoring"));
    await lab.client.delete(PersistentVolumeClaim, { name: "restoring", namespace });
  });

  it("are of a driver that is gone", async () => {
    await lab.client.create(VolumeSnapshotContent, {
      metadata: { name: "left", finalizers: ["snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"] },
      spec: {
        driver: gone,
        deletionPolicy: "Delete",
        source: { snapshotHandle: "snap-1" },
        volumeSnapshotRef: { name: "left", namespace },
      },
    });
    await find("vsc/left", "DriverMissing");
    await lab.client.delete(VolumeSnapshotContent, { name: "left" });
    await find("vsc/left", "FinalizerLeft");
  });
});

describe("a healthy volume", () => {
  it("has a chain, and nothing is found", async () => {
    await lab.claim("fine", "plain");
    await lab.bound("fine");
    const { chains, findings } = await explain("pvc/fine");
    expect(findings).toEqual([]);
    expect(chains).toMatchObject([
      { ref: { kind: "PersistentVolumeClaim" }, needs: [{ state: `Bound, ${driverName}` }] },
    ]);
  });

  it("is no object that does not exist", async () => {
    await expect(explain("pvc/never-was")).rejects.toMatchObject({ code: "KX_CSI_DOCTOR" });
  });
});
