// Controllers that are killed (SIGKILL) in the midst of their work, and many claims at once.
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { defineCsiDriver, fileState } from "@kx/csi";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type DriverLab, driverLab, type StorageLab, storageLab } from "../support/controllers-lab.ts";
import { startSidecars } from "../support/sidecar-process.ts";

const driverName = "restart.csi.kx.dev";

let cluster: ControlPlane;
let lab: StorageLab & AsyncDisposable;
let driver: DriverLab;
/** What the storage system has made, by name; how often it was asked to. */
const made = new Map<string, number>();
/** What happens when the driver is asked for a volume, and when it has made one. */
const hooks: { asked(): Promise<void>; made(): void } = { asked: async () => undefined, made: () => undefined };

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: true });
  lab = await storageLab(cluster, "restart", driverName, () => driver?.log);
  await lab.class("restart");
  driver = await driverLab("over its socket", cluster, (folder) =>
    defineCsiDriver({
      name: driverName,
      state: fileState(`${folder}/state`, { durability: "rename" }),
      async createVolume({ name }) {
        await hooks.asked();
        made.set(name, (made.get(name) ?? 0) + 1);
        hooks.made();
        return { volume: { volumeId: `id-${name}`, capacityBytes: 16n * 1024n ** 2n } };
      },
      async deleteVolume({ volumeId }) {
        made.delete(volumeId.slice("id-".length));
      },
    }),
  );
});
afterAll(async () => {
  await driver?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

const start = () => startSidecars(["--csi-address", driver.endpoint, "--kubeconfig", driver.kubeconfig]);

it("makes one volume though the controllers are killed while the driver makes it", async () => {
  const first = start();
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  hooks.asked = async () => {
    asked.resolve();
    await gate.promise;
  };
  const { metadata } = await lab.claim("during", "restart");
  await asked.promise;
  first.kill();
  await first.ended;
  await using second = start();
  // The second is refused (ABORTED) or waits for the first one's call.
  await lab.event("during", "Provisioning");
  gate.resolve();
  hooks.asked = async () => undefined;
  const volume = await lab.bound("during");
  expect(volume.metadata.name).toBe(`pvc-${metadata.uid}`);
  expect(made.get(`pvc-${metadata.uid}`)).toBe(1);
  expect(second.hasEnded()).toBe(false);
});

it("makes one volume though the controllers are killed when the driver has made it", async () => {
  const first = start();
  hooks.made = () => first.kill();
  const { metadata } = await lab.claim("after", "restart");
  await first.ended;
  hooks.made = () => undefined;
  expect(await lab.get(PersistentVolume, `pvc-${metadata.uid}`)).toBeUndefined();
  await using again = start();
  await lab.bound("after");
  expect(again.hasEnded()).toBe(false);
  expect(made.get(`pvc-${metadata.uid}`)).toBe(1);
});

it("finishes what it has begun for a claim that is deleted meanwhile, so that nothing is left behind", async () => {
  await using sidecars = start();
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  hooks.asked = async () => {
    asked.resolve();
    await gate.promise;
  };
  const { metadata } = await lab.claim("deleted", "restart");
  const name = `pvc-${metadata.uid}`;
  await asked.promise;
  await lab.client.delete(PersistentVolumeClaim, { name: "deleted", namespace: lab.namespace });
  await lab.gone(PersistentVolumeClaim, "deleted");
  gate.resolve();
  hooks.asked = async () => undefined;
  await lab.until("the volume was made and is deleted", async () => {
    const volume = await lab.get(PersistentVolume, name);
    return volume === undefined && !made.has(name);
  });
  expect(sidecars.hasEnded()).toBe(false);
});

it("binds 200 claims at once", async () => {
  const controllers = await driver.controllers();
  const before = made.size;
  const begun = performance.now();
  const names = Array.from({ length: 200 }, (_, number) => `many-${number}`);
  await Promise.all(names.map((name) => lab.claim(name, "restart")));
  await lab.until(
    "200 claims are bound",
    async () => {
      const { items } = await lab.client.list(PersistentVolumeClaim, { namespace: lab.namespace });
      const bound = items.filter(
        ({ metadata, status }) => metadata.name.startsWith("many-") && status?.phase === "Bound",
      );
      if (bound.length === 200) return true;
      throw new Error(`${bound.length} are bound`);
    },
    110_000,
  );
  const seconds = (performance.now() - begun) / 1000;
  console.error(`200 claims bound in ${seconds.toFixed(1)} s: ${(200 / seconds).toFixed(1)}/s`);
  expect(made.size - before).toBe(200);
  await controllers[Symbol.asyncDispose]();
});
