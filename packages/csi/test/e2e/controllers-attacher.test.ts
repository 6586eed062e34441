// The attacher with the hostpath driver, against a real API server.
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { CSINode, VolumeAttachment } from "@kx/controllers/api/storage-v1";
import { hostpath } from "@kx/csi/hostpath";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DriverLab, driverLab, type StorageLab, storageLab, type Way } from "../support/controllers-lab.ts";

let cluster: ControlPlane;
beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: true });
});
afterAll(() => cluster?.stop());

const ways: readonly [Way, string][] = [
  ["in process", "attach-direct"],
  ["over its socket", "attach-socket"],
];

describe.each(ways)("a driver %s", (way, short) => {
  const driverName = `${short}.csi.kx.dev`;
  const finalizer = `external-attacher/${short}-csi-kx-dev`;
  let driver: DriverLab;
  let controllers: AsyncDisposable;
  let lab: StorageLab & AsyncDisposable;

  beforeAll(async () => {
    lab = await storageLab(cluster, short, driverName, () => driver?.log);
    driver = await driverLab(way, cluster, (folder) =>
      hostpath({ name: driverName, nodeId: "id-1", stateDir: `${folder}/state`, durability: "rename", attach: true }),
    );
    controllers = await driver.controllers({ provisioner: { immediateTopology: false } });
    await lab.class(short);
    await register(`${short}-node`);
  });
  afterAll(async () => {
    await controllers?.[Symbol.asyncDispose]();
    await driver?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  const register = (name: string) =>
    lab.client.create(CSINode, { metadata: { name }, spec: { drivers: [{ name: driverName, nodeID: "id-1" }] } });
  const attach = (name: string, volume: string, nodeName = `${short}-node`) =>
    lab.client.create(VolumeAttachment, {
      metadata: { name },
      spec: { attacher: driverName, nodeName, source: { persistentVolumeName: volume } },
    });
  const attached = (name: string) =>
    lab.until(`${name} is attached`, async () => {
      const found = await lab.get(VolumeAttachment, name);
      if (found?.status?.attached === true) return found;
      throw new Error(JSON.stringify(found?.status));
    });
  const publishedTo = async (volume: string): Promise<readonly string[]> => {
    const { entries } = await driver.calls.listVolumes({});
    return entries.find((entry) => entry.volume?.volumeId === volume)?.status?.publishedNodeIds ?? [];
  };

  it("attaches with finalizers and the node's id, and detaches before the volume may go", async () => {
    await lab.claim("data", short);
    const volume = await lab.bound("data");
    const handle = volume.spec?.csi?.volumeHandle ?? "";
    await attach(`${short}-1`, volume.metadata.name);
    const made = await attached(`${short}-1`);
    expect(made.metadata.finalizers).toEqual([finalizer]);
    expect(made.metadata.annotations).toEqual({ "csi.alpha.kubernetes.io/node-id": "id-1" });
    expect((await lab.get(PersistentVolume, volume.metadata.name))?.metadata.finalizers).toContain(finalizer);
    expect(await publishedTo(handle)).toEqual(["id-1"]);

    await lab.client.delete(PersistentVolumeClaim, { name: "data", namespace: lab.namespace });
    await lab.event(volume.metadata.name, "VolumeFailedDelete", /still attached/);
    expect(await lab.get(PersistentVolume, volume.metadata.name)).toBeDefined();

    await lab.client.delete(VolumeAttachment, { name: `${short}-1` });
    await lab.gone(VolumeAttachment, `${short}-1`);
    await lab.gone(PersistentVolume, volume.metadata.name);
    expect(await publishedTo(handle)).toEqual([]);
  });

  it("says why it cannot attach, and does when the driver comes up on the node", async () => {
    await lab.claim("late", short);
    const volume = await lab.bound("late");
    await attach(`${short}-2`, volume.metadata.name, `${short}-late`);
    await lab.until("the error stands in the attachment", async () => {
      const { status } = (await lab.get(VolumeAttachment, `${short}-2`)) ?? {};
      return status?.attached === false && /not registered on node/.test(status.attachError?.message ?? "");
    });
    await register(`${short}-late`);
    const made = await attached(`${short}-2`);
    expect(made.status?.attachError).toBeUndefined();
    await lab.client.delete(VolumeAttachment, { name: `${short}-2` });
    await lab.gone(VolumeAttachment, `${short}-2`);
  });

  it("tells the driver's code, and detaches by the remembered id when the node is gone", async () => {
    const gone = `${short}-gone`;
    const wrong = `${short}-wrong`;
    await register(gone);
    await lab.client.create(CSINode, {
      metadata: { name: wrong },
      spec: { drivers: [{ name: driverName, nodeID: "no-such" }] },
    });
    await lab.claim("moved", short);
    const volume = await lab.bound("moved");
    await attach(`${short}-3`, volume.metadata.name, wrong);
    await lab.until("NOT_FOUND stands in the attachment", async () => {
      const { status } = (await lab.get(VolumeAttachment, `${short}-3`)) ?? {};
      return status?.attachError?.errorCode === 5;
    });
    await lab.client.delete(VolumeAttachment, { name: `${short}-3` });
    await lab.gone(VolumeAttachment, `${short}-3`);

    await attach(`${short}-4`, volume.metadata.name, gone);
    await attached(`${short}-4`);
    await lab.client.delete(CSINode, { name: gone });
    await lab.client.delete(VolumeAttachment, { name: `${short}-4` });
    await lab.gone(VolumeAttachment, `${short}-4`);
    expect(await publishedTo(volume.spec?.csi?.volumeHandle ?? "")).toEqual([]);
  });
});
