// Capacity objects of the hostpath driver, and provisioning by a node's own controllers, against a real API server.
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import { Node, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { CSINode, CSIStorageCapacity, StorageClass } from "@kx/controllers/api/storage-v1";
import { hostpath } from "@kx/csi/hostpath";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type DriverLab, driverLab, type StorageLab, storageLab } from "../support/controllers-lab.ts";

const driverName = "capacity.csi.kx.dev";
const key = `topology.${driverName}/node`;
const mi = 1024n ** 2n;
const late = { volumeBindingMode: "WaitForFirstConsumer" };

let cluster: ControlPlane;
let lab: StorageLab & AsyncDisposable;
let driver: DriverLab;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: true });
  lab = await storageLab(cluster, "capacity", driverName, () => driver?.log);
  driver = await driverLab("in process", cluster, (folder) =>
    hostpath({
      name: driverName,
      nodeId: "node-1",
      stateDir: `${folder}/state`,
      durability: "rename",
      capacityBytes: 64n * mi,
    }),
  );
  await lab.client.create(Node, { metadata: { name: "node-1", labels: { [key]: "node-1" } } });
  const drivers = [{ name: driverName, nodeID: "node-1", topologyKeys: [key] }];
  await lab.client.create(CSINode, { metadata: { name: "node-1" }, spec: { drivers } });
});
afterAll(async () => {
  await driver?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

const capacities = async (className: string) => {
  const { items } = await lab.client.list(CSIStorageCapacity, { namespace: lab.namespace });
  return items.filter(({ storageClassName }) => storageClassName === className);
};
const tells = (className: string, size: string) =>
  lab.until(`the capacity of ${className} is ${size}`, async () => {
    const found = await capacities(className);
    if (found.length === 1 && found[0]?.capacity === size) return found[0];
    throw new Error(JSON.stringify(found));
  });

it("tells the room of each class and place, as it changes, and removes what nobody wants", async () => {
  const options = { provisioner: { immediateTopology: false }, capacity: { namespace: lab.namespace } };
  await using controllers = await driver.controllers(options);
  await lab.class("roomy", late);
  await lab.class("at-once");
  const object = await tells("roomy", "64Mi");
  expect(object.metadata.labels).toEqual({
    "csi.storage.k8s.io/drivername": driverName,
    "csi.storage.k8s.io/managed-by": "external-provisioner",
  });
  expect(object.nodeTopology).toEqual({ matchLabels: { [key]: "node-1" } });
  expect(await capacities("at-once")).toEqual([]);

  await lab.claim("some", "at-once");
  await lab.bound("some");
  // A volume of another class takes room too: within a minute that is told, at once where the class's own volumes change.
  const selected = { "volume.kubernetes.io/selected-node": "node-1" };
  await lab.claim("more", "roomy", { annotations: selected });
  await lab.bound("more");
  await tells("roomy", "32Mi");
  await lab.client.delete(PersistentVolumeClaim, { name: "more", namespace: lab.namespace });
  await tells("roomy", "48Mi");
  await lab.client.delete(StorageClass, { name: "roomy" });
  await lab.until("the object goes with its class", async () => (await capacities("roomy")).length === 0);
  expect(controllers).toBeDefined();
});

it("provisions by a node's own controllers what is that node's, and tells that node's room alone", async () => {
  const node = { name: "node-1", segments: { [key]: "node-1" } };
  await using controllers = await driver.controllers({ node, capacity: { namespace: lab.namespace } });
  await lab.class("own", late);
  const object = await tells("own", "48Mi");
  expect(object.metadata.labels?.["csi.storage.k8s.io/managed-by"]).toBe("external-provisioner-node-1");
  const at = (name: string) => ({ annotations: { "volume.kubernetes.io/selected-node": name } });
  await lab.claim("elsewhere", "own", at("node-2"));
  await lab.claim("here", "own", at("node-1"));
  const { spec } = await lab.bound("here");
  expect(spec?.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values).toEqual(["node-1"]);
  const { spec: elsewhere } = await lab.client.get(PersistentVolumeClaim, {
    name: "elsewhere",
    namespace: lab.namespace,
  });
  expect(elsewhere?.volumeName).toBeUndefined();
  expect(controllers).toBeDefined();
});
