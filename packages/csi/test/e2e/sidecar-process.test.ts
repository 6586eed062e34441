// `kx csi sidecar`: all controllers of a driver behind a socket in one process, against a real API server.
import { join } from "node:path";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { Lease } from "@kx/controllers/api/coordination-v1";
import { Node, PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { CSINode, CSIStorageCapacity, VolumeAttachment } from "@kx/controllers/api/storage-v1";
import { systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";
import { hostpath } from "@kx/csi/hostpath";
import { snapshotController, VolumeSnapshot, VolumeSnapshotClass } from "@kx/csi/snapshot-controller";
import { afterAll, beforeAll, expect, it } from "vitest";
import { denials } from "../support/accounts.ts";
import { type DriverLab, driverLab, type StorageLab, storageLab } from "../support/controllers-lab.ts";
import { type SidecarProcess, startSidecars } from "../support/sidecar-process.ts";

const driverName = "sidecar.csi.kx.dev";
const key = `topology.${driverName}/node`;
const kx = join(import.meta.dirname, "../../../../apps/cli/bin/kx.mjs");

let cluster: ControlPlane;
let lab: StorageLab & AsyncDisposable;
let driver: DriverLab;
let snapshots: AsyncDisposable;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: true });
  lab = await storageLab(cluster, "sidecar", driverName, () => driver?.log);
  driver = await driverLab("over its socket", cluster, (folder) =>
    hostpath({
      name: driverName,
      nodeId: "node-1",
      stateDir: `${folder}/state`,
      durability: "rename",
      attach: true,
      capacityBytes: 1024n ** 3n,
    }),
  );
  const host = { role: "controller", log: driver.log, clock: systemClock, kubeconfig: cluster.kubeconfig } as const;
  snapshots = await runHost({ ...host, extensions: [snapshotController()] });
  const drivers = [{ name: driverName, nodeID: "node-1", topologyKeys: [key] }];
  await lab.client.create(Node, { metadata: { name: "node-1", labels: { [key]: "node-1" } } });
  await lab.client.create(CSINode, { metadata: { name: "node-1" }, spec: { drivers } });
  await lab.class("plain", { allowVolumeExpansion: true });
  await lab.class("late", { volumeBindingMode: "WaitForFirstConsumer" });
  await lab.until("the snapshot CRDs are served", async () => {
    const { items } = await lab.client.list(CustomResourceDefinition);
    return items.filter(({ status }) => status?.conditions?.some(({ type }) => type === "Established")).length >= 6;
  });
  await lab.client.create(VolumeSnapshotClass, {
    metadata: { name: "delete" },
    driver: driverName,
    deletionPolicy: "Delete",
  });
});
afterAll(async () => {
  await snapshots?.[Symbol.asyncDispose]();
  await driver?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

const flags = (...more: readonly string[]) => [
  "--csi-address",
  driver.endpoint.replace("unix://", ""),
  "--kubeconfig",
  driver.kubeconfig,
  "--no-immediate-topology",
  ...more,
];
const elected = (...more: readonly string[]) =>
  flags(
    "--leader-election",
    "--leader-election-namespace=default",
    "--leader-election-lease-duration=3s",
    "--leader-election-renew-deadline=2s",
    "--leader-election-retry-period=300ms",
    ...more,
  );

const attachmentOf = (volume: string) => ({
  metadata: { name: `at-${volume}` },
  spec: { attacher: driverName, nodeName: "node-1", source: { persistentVolumeName: volume } },
});

/** One claim's whole life by whatever sidecars run: made, attached, grown, snapshotted, restored, and all of it gone. */
async function wholeLife(name: string): Promise<void> {
  const { client, namespace } = lab;
  await lab.claim(name, "plain");
  const { metadata } = await lab.bound(name);
  const volume = metadata.name;
  await client.create(VolumeAttachment, attachmentOf(volume));
  await lab.until(`${volume} is attached`, async () => {
    const { status } = (await lab.get(VolumeAttachment, `at-${volume}`)) ?? {};
    return status?.attached;
  });
  const grown = { spec: { resources: { requests: { storage: "32Mi" } } } };
  await client.patch(PersistentVolumeClaim, { name, namespace }, grown, { type: "merge" });
  await lab.until(`${volume} has grown`, async () => {
    const { spec } = (await lab.get(PersistentVolume, volume)) ?? {};
    return spec?.capacity?.["storage"] === "32Mi";
  });
  const source = { persistentVolumeClaimName: name };
  await client.create(VolumeSnapshot, {
    metadata: { name, namespace },
    spec: { source, volumeSnapshotClassName: "delete" },
  });
  await lab.until(`the snapshot ${name} is ready`, async () => {
    const { status } = (await lab.get(VolumeSnapshot, name)) ?? {};
    if (status?.readyToUse === true) return true;
    throw new Error(JSON.stringify(status));
  });
  const restored = `${name}-restored`;
  const dataSource = { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name };
  await lab.claim(restored, "plain", { size: "32Mi", spec: { dataSource } });
  await lab.bound(restored);
  await client.delete(PersistentVolumeClaim, { name: restored, namespace });
  await client.delete(VolumeSnapshot, { name, namespace });
  await lab.gone(VolumeSnapshot, name);
  await client.delete(VolumeAttachment, { name: `at-${volume}` });
  await lab.gone(VolumeAttachment, `at-${volume}`);
  await client.delete(PersistentVolumeClaim, { name, namespace });
  await lab.gone(PersistentVolume, volume);
  await lab.until("the driver has nothing left", async () => {
    const left = [...(await driver.calls.listVolumes({})).entries, ...(await driver.calls.listSnapshots({})).entries];
    if (left.length > 0) throw new Error(JSON.stringify(left, (_, value) => String(value)));
    return true;
  });
}

/** Its account has what is rendered for it, and needs no more. */
function refuseDenialsOf(...all: readonly SidecarProcess[]): void {
  expect(denials(all.flatMap((sidecars) => sidecars.lines()).map((line) => JSON.stringify(line)))).toEqual([]);
}

async function healthOf(sidecars: SidecarProcess): Promise<string> {
  const { healthUrl } = await sidecars.said("host started");
  return String(healthUrl);
}

it("does the work of six containers in one process, tells how, and ends when asked", async () => {
  await using sidecars = startSidecars(flags("--http-endpoint=127.0.0.1:0", "--extra-create-metadata"), [
    kx,
    "csi",
    "sidecar",
  ]);
  await wholeLife("whole");
  await lab.until("capacity is told", async () => {
    const { items } = await lab.client.list(CSIStorageCapacity, { namespace: "default" });
    return items.some(({ storageClassName, capacity }) => storageClassName === "late" && capacity === "1Gi");
  });
  const url = await healthOf(sidecars);
  await lab.until("it is ready", async () => {
    const answer = await fetch(`${url}/readyz`);
    if (answer.status !== 200) throw new Error(await answer.text());
    return true;
  });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  for (const method of ["CreateVolume", "ControllerPublishVolume", "ControllerExpandVolume", "CreateSnapshot"]) {
    const line = `csi_sidecar_operations_seconds_count\\{.*driver_name="${driverName}".*method_name="/csi.v1.Controller/${method}".*\\} [1-9]`;
    const other = `csi_sidecar_operations_seconds_count\\{.*method_name="/csi.v1.Controller/${method}".*driver_name="${driverName}".*\\} [1-9]`;
    expect(metrics).toMatch(new RegExp(`${line}|${other}`));
  }
  expect(metrics).toMatch(/workqueue_adds_total\{.*name="sidecar-csi-kx-dev-provisioner".*\} [1-9]/);
  expect(metrics).toMatch(/^process_resident_memory_bytes \d+$/m);
  sidecars.kill("SIGTERM");
  expect(await sidecars.ended).toEqual([0, null]);
  refuseDenialsOf(sidecars);
});

it("runs the controllers that are named and no others, and refuses what it does not know", async () => {
  await using sidecars = startSidecars(flags("--controllers=provisioner,resizer"));
  const { controllers } = await sidecars.said("controllers starting");
  expect((controllers as string[]).map((name) => name.replace("sidecar-csi-kx-dev-", ""))).toEqual(
    expect.arrayContaining(["provisioner", "volumes", "resizer"]),
  );
  expect(String(controllers)).not.toMatch(/attacher|snapshotter|capacity|health/);
  for (const [wrong, text] of [
    ["--controllers=provisoner", "must be of provisioner, capacity"],
    ["--http-endpoint=:8080", "--http-endpoint a loopback address"],
    ["--leader-election-renew-deadline=20s", "--leader-election-lease-duration"],
  ] as const) {
    await using refused = startSidecars(flags("--leader-election", wrong));
    expect(await refused.ended).toEqual([2, null]);
    expect(JSON.stringify(refused.lines())).toContain(text);
  }
});

it("is replaced after SIGKILL, and its successor finishes what it had begun", async () => {
  const first = startSidecars(flags());
  const begun = Array.from({ length: 20 }, (_, number) => `begun-${number}`);
  await Promise.all(begun.map((name) => lab.claim(name, "plain")));
  await lab.bound("begun-0");
  first.kill();
  expect(await first.ended).toEqual([null, "SIGKILL"]);
  await using second = startSidecars(flags());
  await Promise.all(begun.map((name) => lab.bound(name)));
  const { entries } = await driver.calls.listVolumes({});
  expect(entries).toHaveLength(begun.length);
  const deleted = begun.map((name) => lab.client.delete(PersistentVolumeClaim, { name, namespace: lab.namespace }));
  await Promise.all(deleted);
  await lab.until("all volumes are gone", async () => (await driver.calls.listVolumes({})).entries.length === 0);
  expect(second.hasEnded()).toBe(false);
});

it("lets one of two lead under one lease: the other takes over after SIGKILL, and at once after SIGTERM", async () => {
  const lease = { name: `csi-${driverName}`, namespace: "default" };
  const holder = async () => (await lab.client.get(Lease, lease)).spec?.holderIdentity;
  const first = startSidecars(elected());
  await first.said("leading");
  const firstHolder = await holder();
  await using second = startSidecars(elected());
  await second.said("standing by");
  await wholeLife("by-first");
  expect(second.lines().some(({ msg }) => msg === "leading")).toBe(false);

  first.kill();
  await second.said("leading");
  await wholeLife("by-second");
  expect(await holder()).not.toBe(firstHolder);

  await using third = startSidecars(elected());
  await third.said("standing by");
  second.kill("SIGTERM");
  expect(await second.ended).toEqual([0, null]);
  await third.said("leading");
  await wholeLife("by-third");
  refuseDenialsOf(first, second, third);
  const { items } = await lab.client.list(Lease, { namespace: "default" });
  expect(items.map(({ metadata }) => metadata.name)).toEqual([`csi-${driverName}`]);
});
