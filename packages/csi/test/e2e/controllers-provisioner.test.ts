// The provisioner with the hostpath driver, against a real API server and kube-controller-manager.
import { readdir } from "node:fs/promises";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { hostpath } from "@kx/csi/hostpath";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DriverLab, driverLab, type StorageLab, storageLab, type Way } from "../support/controllers-lab.ts";

let cluster: ControlPlane;
beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: true });
});
afterAll(() => cluster?.stop());

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
      hostpath({ name: driverName, nodeId: "node-1", stateDir: `${folder}/state`, durability: "rename" }),
    );
    controllers = await driver.controllers({ provisioner: { immediateTopology: false } });
  });
  afterAll(async () => {
    await controllers?.[Symbol.asyncDispose]();
    await driver?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

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
});
