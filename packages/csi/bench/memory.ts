import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { CSINode, VolumeAttachment } from "@kx/controllers/api/storage-v1";
import { clusterClient } from "@kx/controllers/testing";
import { sleep } from "@kx/core";
import { snapshotCrds } from "@kx/csi/snapshot-controller";
import { type DriverProcess, startHostpath } from "../test/support/driver-process.ts";
import { createVolumes } from "./driver.ts";
import { inParallel } from "./measure.ts";
import { cpuMsOf, memoryMiBOf } from "./processes.ts";

const driverName = "memory.csi.kx.dev";
const nodeName = "node-1";
const parts = ["registrar", "provisioner", "capacity", "attacher", "resizer", "snapshotter", "health-monitor"];

/** The memory of the driver's process with all its controllers, and of those that it has started, in MiB. */
export interface MemoryFigures {
  /** So many claims, as many volumes, and as many attachments. */
  readonly objects: number;
  readonly empty: number;
  readonly afterAttaching: number;
  readonly restarted: number;
  /** After controllers have looked at everything again, as they do each minute. */
  readonly later: number;
}

/** Has a driver look after so many volumes of a real API server. */
export async function measureMemory(objects: number, say: (text: string) => void): Promise<MemoryFigures> {
  const cluster = await startControlPlane();
  try {
    const flags = ["--driver-name", driverName, "--durability", "rename", "--attach"];
    await using driver = await startHostpath(flags);
    const handles = await createVolumes(driver, objects);
    await driver.stop();
    await using client = await clusterClient(cluster);
    for (const crd of snapshotCrds({ groups: true })) await client.create(CustomResourceDefinition, crd);
    await client.create(CSINode, {
      metadata: { name: nodeName },
      spec: { drivers: [{ name: driverName, nodeID: nodeName, topologyKeys: [] }] },
    });
    const kubeletDir = join(driver.folder, "kubelet");
    await mkdir(join(kubeletDir, "plugins_registry"), { recursive: true });
    const inCluster = ["--kubeconfig", cluster.kubeconfig, "--kubelet-dir", kubeletDir, "--liveness-port", "0"];
    const all = [...inCluster, ...parts.map((part) => `--embed=${part}`)];
    await driver.restart(all);
    await rested(driver);
    say(`${objects} volumes are there`);
    const empty = await memoryMiBOf(driver.pid);
    await inParallel(handles, (handle, index) => createObjects(client, handle, index));
    await allAttached(client, objects);
    await rested(driver);
    say(`${objects} volumes are attached`);
    const afterAttaching = await memoryMiBOf(driver.pid);
    await driver.stop();
    await driver.restart(all);
    await rested(driver);
    const restarted = await memoryMiBOf(driver.pid);
    await sleep(130_000);
    await rested(driver);
    return { objects, empty, afterAttaching, restarted, later: await memoryMiBOf(driver.pid) };
  } finally {
    await cluster.stop();
  }
}

/** What a claim of a pod that has been started has come to. */
async function createObjects(client: Client, volumeHandle: string, index: number): Promise<void> {
  const namespace = "default";
  const name = `data-web-${index}`;
  const storage = { storage: "1Mi" };
  const accessModes = ["ReadWriteOnce"];
  const storageClassName = "fast";
  const claim = await client.create(PersistentVolumeClaim, {
    metadata: {
      name,
      namespace,
      labels: { app: "web" },
      annotations: {
        "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
        "volume.kubernetes.io/storage-provisioner": driverName,
      },
    },
    spec: { accessModes, resources: { requests: storage }, storageClassName, volumeName: `pvc-${index}` },
  });
  const { uid, resourceVersion } = claim.metadata;
  await client.create(PersistentVolume, {
    metadata: {
      name: `pvc-${index}`,
      annotations: { "pv.kubernetes.io/provisioned-by": driverName },
      finalizers: ["external-provisioner.volume.kubernetes.io/finalizer", "kubernetes.io/pv-protection"],
    },
    spec: {
      accessModes,
      capacity: storage,
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid, resourceVersion },
      csi: { driver: driverName, volumeHandle, volumeAttributes: { backing: "directory" } },
      persistentVolumeReclaimPolicy: "Delete",
      storageClassName,
      volumeMode: "Filesystem",
    },
  });
  const status = { phase: "Bound", accessModes, capacity: storage };
  const claimRef = { name, namespace };
  await client.patch(PersistentVolumeClaim, claimRef, { status }, { type: "merge", subresource: "status" });
  await client.create(VolumeAttachment, {
    metadata: { name: `csi-${volumeHandle}${volumeHandle}` },
    spec: { attacher: driverName, nodeName, source: { persistentVolumeName: `pvc-${index}` } },
  });
}

async function allAttached(client: Client, count: number): Promise<void> {
  const isAll = async () => {
    const { items } = await client.list(VolumeAttachment);
    return items.filter(({ status }) => status?.attached === true).length === count;
  };
  while (!(await isAll())) await sleep(2000);
}

/** Until the driver has nothing to do: less than 5 % of a processor for five seconds. */
async function rested({ pid }: DriverProcess): Promise<void> {
  for (let quietMs = 0; quietMs < 5000; ) {
    const before = await cpuMsOf(pid);
    await sleep(1000);
    quietMs = (await cpuMsOf(pid)) - before < 50 ? quietMs + 1000 : 0;
  }
}
