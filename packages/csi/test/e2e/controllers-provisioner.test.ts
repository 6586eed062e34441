// The provisioner with the hostpath driver, against a real API server and kube-controller-manager.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { inspect } from "node:util";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import { Node, PersistentVolume, PersistentVolumeClaim, Secret } from "@kx/controllers/api/core-v1";
import { CSINode, VolumeAttributesClass } from "@kx/controllers/api/storage-v1";
import { hostpath } from "@kx/csi/hostpath";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DriverLab, driverLab, type StorageLab, storageLab, type Way } from "../support/controllers-lab.ts";

let cluster: ControlPlane;
beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: true });
});
afterAll(() => cluster?.stop());

const selectedNode = "volume.kubernetes.io/selected-node";
const mi = 1024n ** 2n;

const ways: readonly [Way, string][] = [
  ["in process", "direct"],
  ["over its socket", "socket"],
];

describe.each(ways)("a driver %s", (way, short) => {
  const driverName = `${short}.csi.kx.dev`;
  let driver: DriverLab;
  let controllers: AsyncDisposable;
  let lab: StorageLab & AsyncDisposable;

  beforeAll(async () => {
    lab = await storageLab(cluster, short, driverName, () => driver?.log);
    driver = await driverLab(way, cluster, (folder) =>
      hostpath({
        name: driverName,
        nodeId: "node-1",
        stateDir: `${folder}/state`,
        durability: "rename",
        capacityBytes: 512n * mi,
      }),
    );
    controllers = await driver.controllers({ provisioner: { immediateTopology: false } });
  });
  afterAll(async () => {
    await controllers?.[Symbol.asyncDispose]();
    await driver?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  const refOf = (name: string) => ({ name, namespace: lab.namespace });
  const volumeFolders = () => readdir(`${driver.folder}/state/volumes`);
  const pvcOf = (name: string) => lab.client.get(PersistentVolumeClaim, refOf(name));

  it("provisions a claim, and deletes its volume with it", async () => {
    const storageClass = await lab.class(`${short}-plain`, { mountOptions: ["noatime"], reclaimPolicy: "Delete" });
    const claim = await lab.claim("plain", storageClass);
    const volume = await lab.bound("plain");
    const name = `pvc-${claim.metadata.uid}`;
    expect(volume.metadata).toMatchObject({
      name,
      annotations: {
        "pv.kubernetes.io/provisioned-by": driverName,
        "volume.kubernetes.io/provisioner-deletion-secret-name": "",
        "volume.kubernetes.io/provisioner-deletion-secret-namespace": "",
      },
      finalizers: expect.arrayContaining(["external-provisioner.volume.kubernetes.io/finalizer"]),
    });
    expect(volume.spec).toMatchObject({
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: "16Mi" },
      claimRef: { kind: "PersistentVolumeClaim", name: "plain", namespace: lab.namespace, uid: claim.metadata.uid },
      mountOptions: ["noatime"],
      persistentVolumeReclaimPolicy: "Delete",
      storageClassName: storageClass,
      volumeMode: "Filesystem",
      csi: {
        driver: driverName,
        volumeAttributes: { "storage.kubernetes.io/csiProvisionerIdentity": expect.stringContaining(driverName) },
      },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: `topology.${driverName}/node`, operator: "In", values: ["node-1"] }] },
          ],
        },
      },
    });
    await lab.event("plain", "Provisioning");
    await lab.event("plain", "ProvisioningSucceeded", new RegExp(name));
    expect(await readdir(`${driver.folder}/state/volumes`)).toHaveLength(1);

    await lab.client.delete(PersistentVolumeClaim, { name: "plain", namespace: lab.namespace });
    await lab.gone(PersistentVolume, name);
    expect(await readdir(`${driver.folder}/state/volumes`)).toEqual([]);
  });

  it("waits for the first consumer, and asks for another node where there is no room", async () => {
    const key = `topology.${driverName}/node`;
    const name = `${short}-node`;
    await lab.client.create(Node, { metadata: { name, labels: { [key]: "node-1" } } });
    const drivers = [{ name: driverName, nodeID: "node-1", topologyKeys: [key] }];
    await lab.client.create(CSINode, { metadata: { name }, spec: { drivers } });
    const storageClass = await lab.class(`${short}-late`, { volumeBindingMode: "WaitForFirstConsumer" });

    await lab.claim("late", storageClass);
    await lab.event("late", "WaitForFirstConsumer");
    expect((await pvcOf("late")).spec?.volumeName).toBeUndefined();
    const select = { metadata: { annotations: { [selectedNode]: name } } };
    await lab.client.patch(PersistentVolumeClaim, refOf("late"), select, { type: "merge" });
    const { spec } = await lab.bound("late");
    expect(spec?.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values).toEqual(["node-1"]);

    await lab.claim("large", storageClass, { size: "1Gi", annotations: { [selectedNode]: name } });
    await lab.event("large", "ProvisioningFailed", /RESOURCE_EXHAUSTED.*are left/);
    await lab.until("the choice of the node is taken back", async () => {
      const annotations = (await pvcOf("large")).metadata.annotations ?? {};
      return !(selectedNode in annotations);
    });
    await lab.claim("lost", storageClass, { annotations: { [selectedNode]: "no-such-node" } });
    await lab.event("lost", "ProvisioningFailed", /no-such-node does not exist/);
    await lab.until("the choice of a node that is gone is taken back", async () => {
      const annotations = (await pvcOf("lost")).metadata.annotations ?? {};
      return !(selectedNode in annotations);
    });
  });

  it("copies a claim's volume, and keeps the claim meanwhile", async () => {
    const storageClass = await lab.class(`${short}-clone`);
    await lab.claim("source", storageClass);
    const from = (await lab.bound("source")).spec?.csi?.volumeHandle ?? "";
    await writeFile(`${driver.folder}/state/volumes/${from}/file`, "content");
    const dataSource = { kind: "PersistentVolumeClaim", name: "source" };
    await lab.claim("small-copy", storageClass, { size: "8Mi", spec: { dataSource } });
    await lab.event("small-copy", "ProvisioningFailed", /fewer than/);
    await lab.client.delete(PersistentVolumeClaim, refOf("small-copy"));
    await lab.claim("copy", storageClass, { spec: { dataSource } });
    const to = (await lab.bound("copy")).spec?.csi?.volumeHandle ?? "";
    expect(await readFile(`${driver.folder}/state/volumes/${to}/file`, "utf8")).toBe("content");
    expect((await pvcOf("source")).metadata.finalizers).toContain(
      "provisioner.storage.kubernetes.io/cloning-protection",
    );
    await lab.client.delete(PersistentVolumeClaim, refOf("source"));
    await lab.gone(PersistentVolumeClaim, "source");
  });

  it("reads the secrets that the class names, waits for them, and tells nobody", async () => {
    const prefix = "csi.storage.k8s.io/provisioner-secret";
    const parameters = { [`${prefix}-name`]: "${pvc.name}-key", [`${prefix}-namespace`]: "${pvc.namespace}" };
    const storageClass = await lab.class(`${short}-secret`, { parameters });
    await lab.claim("guarded", storageClass);
    await lab.event("guarded", "ProvisioningFailed", /guarded-key cannot be read/);
    const planted = `planted-${short}-4711`;
    const data = { password: Buffer.from(planted).toString("base64") };
    await lab.client.create(Secret, { metadata: refOf("guarded-key"), data });
    const { metadata } = await lab.bound("guarded");
    expect(metadata.annotations).toMatchObject({
      "volume.kubernetes.io/provisioner-deletion-secret-name": "guarded-key",
      "volume.kubernetes.io/provisioner-deletion-secret-namespace": lab.namespace,
    });
    await lab.client.delete(PersistentVolumeClaim, refOf("guarded"));
    await lab.gone(PersistentVolume, metadata.name);
    expect(inspect(driver.log.lines, { depth: null, maxArrayLength: null })).not.toContain(planted);
  });

  it("says what is wrong with a class", async () => {
    const reserved = await lab.class(`${short}-reserved`, { parameters: { "csi.storage.k8s.io/fstyp": "ext4" } });
    await lab.claim("reserved", reserved);
    await lab.event("reserved", "ProvisioningFailed", /unknown parameter csi.storage.k8s.io\/fstyp/);
    const unknown = await lab.class(`${short}-unknown`, { parameters: { baking: "image" } });
    await lab.claim("unknown", unknown);
    await lab.event("unknown", "ProvisioningFailed", /INVALID_ARGUMENT.*baking/);
  });

  it("leaves to others what others fill", async () => {
    const before = await volumeFolders();
    const storageClass = await lab.class(`${short}-foreign`);
    const dataSourceRef = { apiGroup: "example.org", kind: "Image", name: "debian" };
    await lab.claim("populated", storageClass, { spec: { dataSourceRef } });
    await lab.event("populated", "Provisioning", /external populator/);
    expect(await volumeFolders()).toEqual(before);
  });

  it("passes the attributes of a VolumeAttributesClass on, and refuses another driver's", async () => {
    const storageClass = await lab.class(`${short}-attributes`);
    const vac = (name: string, driverOf: string) =>
      lab.client.create(VolumeAttributesClass, {
        metadata: { name },
        driverName: driverOf,
        parameters: { iops: "500" },
      });
    await vac(`${short}-own`, driverName);
    await vac(`${short}-others`, "others.csi.kx.dev");
    await lab.claim("fast", storageClass, { spec: { volumeAttributesClassName: `${short}-own` } });
    const volume = await lab.bound("fast");
    expect(volume.spec?.volumeAttributesClassName).toBe(`${short}-own`);
    const { entries } = await driver.calls.listVolumes({});
    expect(entries.some((entry) => entry.volume?.volumeId === volume.spec?.csi?.volumeHandle)).toBe(true);
    await lab.claim("faster", storageClass, { spec: { volumeAttributesClassName: `${short}-others` } });
    await lab.event("faster", "ProvisioningFailed", /is for the driver others.csi.kx.dev/);
  });

  it("keeps what is to be retained, until it is not any more", async () => {
    const storageClass = await lab.class(`${short}-retain`, { reclaimPolicy: "Retain" });
    await lab.claim("kept", storageClass);
    const { metadata, spec } = await lab.bound("kept");
    const name = metadata.name;
    const finalizer = "external-provisioner.volume.kubernetes.io/finalizer";
    await lab.until("a retained volume is not protected", async () => {
      const found = await lab.get(PersistentVolume, name);
      return found !== undefined && found.metadata.finalizers?.includes(finalizer) !== true;
    });
    await lab.client.delete(PersistentVolumeClaim, refOf("kept"));
    await lab.until(
      "the volume is released",
      async () => (await lab.get(PersistentVolume, name))?.status?.phase === "Released",
    );
    expect(await volumeFolders()).toContain(spec?.csi?.volumeHandle);
    const policy = { spec: { persistentVolumeReclaimPolicy: "Delete" } };
    await lab.client.patch(PersistentVolume, { name }, policy, { type: "merge" });
    await lab.gone(PersistentVolume, name);
    expect(await volumeFolders()).not.toContain(spec?.csi?.volumeHandle);
  });
});
