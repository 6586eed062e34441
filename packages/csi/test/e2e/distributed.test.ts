// Drivers of two nodes, each with the controllers of its own volumes and an account that may write no other node's objects.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import { type Client, createClient } from "@kx/controllers";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { Node, PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment } from "@kx/controllers/api/storage-v1";
import { loadKubeconfig } from "@kx/controllers/kubeconfig";
import { type KubeObject, systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";
import { type CollectingLogger, collectingLogger } from "@kx/core/testing";
import { runCsiDriver } from "@kx/csi";
import { type DriverClient, inProcessDriver } from "@kx/csi/controllers";
import { hostpath } from "@kx/csi/hostpath";
import {
  snapshotController,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from "@kx/csi/snapshot-controller";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyAccount, refuseDenials } from "../support/accounts.ts";
import { type StorageLab, storageLab } from "../support/controllers-lab.ts";

const driverName = "distributed.csi.kx.dev";
const key = `topology.${driverName}/node`;
const account = "node-driver";
const mi = 1024n ** 2n;
const nodes = ["node-1", "node-2"] as const;
type NodeName = (typeof nodes)[number];

/** A node's driver at work. */
interface NodeDriver {
  readonly calls: DriverClient["controller"];
  /** With the account of the driver on that node. */
  readonly client: Client;
  readonly log: CollectingLogger;
}

let cluster: ControlPlane;
let lab: StorageLab & AsyncDisposable;
let drivers: Record<NodeName, NodeDriver>;
const undo = new AsyncDisposableStack();
const hostLog = collectingLogger();

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: true });
  undo.defer(() => cluster.stop());
  lab = undo.use(await storageLab(cluster, "distributed", driverName, () => drivers?.["node-1"].log ?? hostLog));
  const folder = await mkdtemp(join(tmpdir(), "kx-csi-distributed-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const host = { role: "controller", log: hostLog, clock: systemClock, kubeconfig: cluster.kubeconfig } as const;
  undo.use(await runHost({ ...host, extensions: [snapshotController({ distributed: true })] }));
  await lab.until("the snapshot CRDs are served", async () => {
    const { items } = await lab.client.list(CustomResourceDefinition);
    return items.filter(({ status }) => status?.conditions?.some(({ type }) => type === "Established")).length >= 6;
  });
  const rendered = hostpath({ name: driverName, nodeId: "", stateDir: "/nowhere", attach: true }).manifests({
    namespace: lab.namespace,
    image: "",
    nodeAccount: account,
  });
  await applyAccount(lab.client, account, lab.namespace, rendered, rolesOfNodes(rendered));
  const started = await Promise.all(nodes.map((node) => startNode(node, folder)));
  drivers = { "node-1": started[0]!, "node-2": started[1]! };
  await lab.class("late", { volumeBindingMode: "WaitForFirstConsumer", allowVolumeExpansion: true });
  await lab.class("at-once", { allowVolumeExpansion: true });
  await lab.client.create(VolumeSnapshotClass, {
    metadata: { name: "delete" },
    driver: driverName,
    deletionPolicy: "Delete",
  });
  await policyHolds();
});
afterAll(() => undo.disposeAsync());

function rolesOfNodes(rendered: readonly KubeObject[]): readonly KubeObject[] {
  return rendered.filter(({ metadata }) => metadata.name === `kx:csi:${driverName}:node`);
}

/** Registers a node as its kubelet would, and runs the driver there with a token that names the node. */
async function startNode(node: NodeName, folder: string): Promise<NodeDriver> {
  await lab.client.create(Node, { metadata: { name: node, labels: { [key]: node } } });
  const registered = [{ name: driverName, nodeID: node, topologyKeys: [key] }];
  await lab.client.create(CSINode, { metadata: { name: node }, spec: { drivers: registered } });
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" };
  const boundObjectRef = { apiVersion: "v1", kind: "Node", name: node };
  const path = `/api/v1/namespaces/${lab.namespace}/serviceaccounts/${account}/token`;
  const answer = await lab.client.raw("POST", path, { ...request, spec: { boundObjectRef, expirationSeconds: 3600 } });
  const { token } = (answer as { readonly status: { readonly token: string } }).status;
  const kubeconfig = await cluster.addUser(`${account}-${node}`, [], { token });
  const log = collectingLogger();
  const driver = hostpath({
    name: driverName,
    nodeId: node,
    stateDir: join(folder, node),
    durability: "rename",
    attach: true,
    capacityBytes: node === "node-1" ? 256n * mi : 512n * mi,
  });
  const running = undo.use(
    await runCsiDriver(driver, {
      endpoint: `unix://${folder}/${node}.sock`,
      nodeName: node,
      kubeconfig,
      log,
      signal: new AbortController().signal,
      // Without parts: all that the driver needs, but no kubelet is there to register with.
      embed: {
        parts: ["provisioner", "capacity", "attacher", "resizer", "snapshotter", "health-monitor"],
        capacity: { namespace: lab.namespace },
      },
    }),
  );
  await running.ready;
  const calls = inProcessDriver(driver, { services: () => running.services, log }).controller;
  return { calls, client: undo.use(createClient(await loadKubeconfig({ path: kubeconfig }))), log };
}

/** An API server knows a policy a moment after it was created. */
const policyHolds = () =>
  lab.until("the policy holds", async () => {
    const { client } = drivers["node-1"];
    const volume = volumeOf("probe", "node-2");
    const refused = await client.create(PersistentVolume, volume, { dryRun: true }).then(
      () => false,
      (error: unknown) => String(error).includes("ValidatingAdmissionPolicy"),
    );
    return refused;
  });

const volumeOf = (name: string, node: string, driver = driverName): PersistentVolume => ({
  metadata: { name },
  spec: {
    capacity: { storage: "16Mi" },
    accessModes: ["ReadWriteOnce"],
    persistentVolumeReclaimPolicy: "Retain",
    csi: { driver, volumeHandle: name },
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: "In", values: [node] }] }] },
    },
  },
});

const at = (node: NodeName) => ({ annotations: { "volume.kubernetes.io/selected-node": node } });
const volumesOn = async (node: NodeName) =>
  (await drivers[node].calls.listVolumes({})).entries.map(({ volume }) => volume?.volumeId ?? "");
const snapshotsOn = async (node: NodeName) =>
  (await drivers[node].calls.listSnapshots({})).entries.map(({ snapshot }) => snapshot?.snapshotId ?? "");
const nodeOf = ({ spec }: PersistentVolume) =>
  spec?.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values?.[0];

it("has what the cluster is told of it: capacity counts, and each node's is told by the node", async () => {
  const [object] = hostpath({ name: driverName, nodeId: "", stateDir: "/nowhere" }).manifests({
    namespace: "n",
    image: "",
  });
  expect(object).toMatchObject({ kind: "CSIDriver", spec: { storageCapacity: true } });
  await lab.until("both nodes tell their room", async () => {
    const { items } = await lab.client.list(CSIStorageCapacity, { namespace: lab.namespace });
    const told = items.map(({ nodeTopology, capacity, metadata }) => [
      nodeTopology?.matchLabels?.[key],
      capacity,
      metadata.labels?.["csi.storage.k8s.io/managed-by"],
    ]);
    const wanted = [
      ["node-1", "256Mi", "external-provisioner-node-1"],
      ["node-2", "512Mi", "external-provisioner-node-2"],
    ];
    if (JSON.stringify(told.toSorted((a, b) => String(a).localeCompare(String(b)))) === JSON.stringify(wanted))
      return true;
    throw new Error(JSON.stringify(told));
  });
});

it.each(nodes)("makes, attaches, grows, snapshots, restores and deletes on %s what is of it", async (node) => {
  const other = nodes.find((one) => one !== node)!;
  const { client, namespace } = lab;
  const name = `life-${node}`;
  await lab.claim(name, "late", at(node));
  const volume = await lab.bound(name);
  expect(nodeOf(volume)).toBe(node);
  expect(await volumesOn(node)).toEqual([volume.spec?.csi?.volumeHandle]);
  expect(await volumesOn(other)).toEqual([]);

  await client.create(VolumeAttachment, {
    metadata: { name },
    spec: { attacher: driverName, nodeName: node, source: { persistentVolumeName: volume.metadata.name } },
  });
  await lab.until("it is attached", async () => (await lab.get(VolumeAttachment, name))?.status?.attached);
  const grown = { spec: { resources: { requests: { storage: "32Mi" } } } };
  await client.patch(PersistentVolumeClaim, { name, namespace }, grown, { type: "merge" });
  await lab.until("it has grown", async () => {
    const { spec } = (await lab.get(PersistentVolume, volume.metadata.name)) ?? {};
    return spec?.capacity?.["storage"] === "32Mi";
  });

  await client.create(VolumeSnapshot, {
    metadata: { name, namespace },
    spec: { source: { persistentVolumeClaimName: name }, volumeSnapshotClassName: "delete" },
  });
  const content = await lab.until("the snapshot is ready", async () => {
    const { status } = (await lab.get(VolumeSnapshot, name)) ?? {};
    if (status?.readyToUse !== true) throw new Error(JSON.stringify(status));
    return await lab.get(VolumeSnapshotContent, status.boundVolumeSnapshotContentName ?? "");
  });
  expect(content.metadata.labels?.["snapshot.storage.kubernetes.io/managed-by"]).toBe(node);
  expect([await snapshotsOn(node), await snapshotsOn(other)]).toEqual([[content.status?.snapshotHandle], []]);

  // A class that binds at once names no node: the one that has the snapshot takes it.
  const dataSource = { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name };
  await lab.claim(`${name}-restored`, "at-once", { size: "32Mi", spec: { dataSource } });
  // Where the scheduler has chosen the wrong node, it is asked for another.
  await lab.claim(`${name}-wrong`, "late", { ...at(other), size: "32Mi", spec: { dataSource } });
  await lab.until("another node is asked for", async () => {
    const { metadata } = (await lab.get(PersistentVolumeClaim, `${name}-wrong`)) ?? {};
    return metadata !== undefined && metadata.annotations?.["volume.kubernetes.io/selected-node"] === undefined;
  });
  const restored = await lab.bound(`${name}-restored`);
  expect(nodeOf(restored)).toBe(node);

  for (const each of [`${name}-restored`, `${name}-wrong`]) {
    await client.delete(PersistentVolumeClaim, { name: each, namespace });
  }
  await client.delete(VolumeSnapshot, { name, namespace });
  await lab.gone(VolumeSnapshotContent, content.metadata.name);
  await client.delete(VolumeAttachment, { name });
  await lab.gone(VolumeAttachment, name);
  await client.delete(PersistentVolumeClaim, { name, namespace });
  await lab.gone(PersistentVolume, volume.metadata.name);
  await lab.until("nothing is left on the node", async () => {
    const left = [...(await volumesOn(node)), ...(await snapshotsOn(node))];
    if (left.length > 0) throw new Error(left.join());
    return true;
  });
});

it("has rights for all of that, and was refused nothing", () => {
  for (const node of nodes) refuseDenials(drivers[node].log);
});

describe("the account on a node", () => {
  const refusal = /ValidatingAdmissionPolicy.*the driver of node node-1 writes the objects of its own node alone/s;
  const own = () => drivers["node-1"].client;

  it("makes and deletes volumes of its own node and driver, and no others", async () => {
    await own().create(PersistentVolume, volumeOf("mine", "node-1"));
    await lab.client.create(PersistentVolume, volumeOf("theirs", "node-2"));
    await expect(own().create(PersistentVolume, volumeOf("x", "node-2"))).rejects.toThrow(refusal);
    await expect(own().create(PersistentVolume, volumeOf("x", "node-1", "other.csi.example"))).rejects.toThrow(refusal);
    const { nodeAffinity: _, ...anywhere } = volumeOf("x", "node-1").spec!;
    await expect(own().create(PersistentVolume, { metadata: { name: "x" }, spec: anywhere })).rejects.toThrow(refusal);
    const patch = { metadata: { labels: { a: "b" } } };
    await own().patch(PersistentVolume, { name: "mine" }, patch, { type: "merge" });
    await expect(own().patch(PersistentVolume, { name: "theirs" }, patch, { type: "merge" })).rejects.toThrow(refusal);
    await expect(own().delete(PersistentVolume, { name: "theirs" })).rejects.toThrow(refusal);
    await own().delete(PersistentVolume, { name: "mine" });
    await lab.client.delete(PersistentVolume, { name: "theirs" });
  });

  it("takes claims that are nobody's, and changes no other node's", async () => {
    const { namespace, client } = lab;
    await client.create(StorageClass, { metadata: { name: "slow" }, provisioner: driverName });
    for (const [name, annotations] of Object.entries({ free: {}, mine: at("node-1"), theirs: at("node-2") })) {
      await lab.claim(`claim-${name}`, "nobody", {
        annotations: { ...(annotations as { annotations?: object }).annotations, [provisionedBy]: driverName },
      });
    }
    const patch = (name: string, node: string) =>
      own().patch(
        PersistentVolumeClaim,
        { name: `claim-${name}`, namespace },
        { metadata: { annotations: { [selectedNode]: node } } },
        { type: "merge" },
      );
    await expect(patch("theirs", "node-1")).rejects.toThrow(refusal);
    await expect(patch("free", "node-2")).rejects.toThrow(refusal);
    await patch("free", "node-1");
    await patch("mine", "node-1");
    const status = { status: { conditions: [] } };
    const as = { type: "merge", subresource: "status" } as const;
    await own().patch(PersistentVolumeClaim, { name: "claim-mine", namespace }, status, as);
    await expect(own().patch(PersistentVolumeClaim, { name: "claim-theirs", namespace }, status, as)).rejects.toThrow(
      refusal,
    );
  });

  it("tells its own room, and says nothing of attachments of other nodes", async () => {
    const { namespace, client } = lab;
    const { items } = await client.list(CSIStorageCapacity, { namespace });
    const theirs = items.find(({ nodeTopology }) => nodeTopology?.matchLabels?.[key] === "node-2");
    const ref = { name: theirs?.metadata.name ?? "", namespace };
    const lie = own().patch(CSIStorageCapacity, ref, { capacity: "1Ti" }, { type: "merge" });
    await expect(lie).rejects.toThrow(refusal);
    await expect(own().delete(CSIStorageCapacity, ref)).rejects.toThrow(refusal);
    const source = { persistentVolumeName: "none" };
    await client.create(VolumeAttachment, {
      metadata: { name: "theirs" },
      spec: { attacher: "other.csi.example", nodeName: "node-2", source },
    });
    const attached = { status: { attached: true } };
    const as = { type: "merge", subresource: "status" } as const;
    await expect(own().patch(VolumeAttachment, { name: "theirs" }, attached, as)).rejects.toThrow(refusal);
    await client.delete(VolumeAttachment, { name: "theirs" });
  });

  it("has no rights without a token that names its node", async () => {
    const user = await cluster.addUser(`system:serviceaccount:${lab.namespace}:${account}`);
    await using client = createClient(await loadKubeconfig({ path: user }));
    await expect(client.create(PersistentVolume, volumeOf("x", "node-1"))).rejects.toThrow("ValidatingAdmissionPolicy");
  });
});

const selectedNode = "volume.kubernetes.io/selected-node";
const provisionedBy = "volume.kubernetes.io/storage-provisioner";
