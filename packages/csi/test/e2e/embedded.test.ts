// A driver with its controllers in its own process, two replicas of it under one lease, against a real API server.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import { Lease } from "@kx/controllers/api/coordination-v1";
import { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { type CollectingLogger, collectingLogger } from "@kx/core/testing";
import { defineCsiDriver, type EmbedOptions, type RunningCsi, runCsiDriver } from "@kx/csi";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type StorageLab, storageLab } from "../support/controllers-lab.ts";

const driverName = "Embedded.csi.kx.dev";
let cluster: ControlPlane;
let lab: StorageLab & AsyncDisposable;
let folder = "";
const logs: CollectingLogger[] = [];
/** What the storage system has, which all replicas of the driver talk to: parameters by name. */
const backend = new Map<string, { readonly parameters: Record<string, string>; readonly by: string }>();

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: true });
  lab = await storageLab(cluster, "embedded", driverName, () => logs.at(-1));
  folder = await mkdtemp(join(tmpdir(), "kx-csi-embedded-"));
  await lab.class("embedded");
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A replica of a driver whose volumes are somewhere else; it is ready when `backendIsUp` is. */
async function replica(name: string, embed: EmbedOptions = {}, backendIsUp?: Promise<void>) {
  const log = collectingLogger();
  logs.push(log);
  const driver = defineCsiDriver({
    name: driverName,
    init: async () => await backendIsUp,
    async createVolume(request, { fingerprint: volumeId }) {
      backend.set(request.name, { parameters: request.parameters, by: name });
      return { volume: { volumeId, capacityBytes: 16n * 1024n ** 2n } };
    },
    deleteVolume: async () => undefined,
    validateVolumeCapabilities: async () => ({}),
  });
  const running: RunningCsi = await runCsiDriver(driver, {
    endpoint: `unix://${folder}/${name}.sock`,
    kubeconfig: cluster.kubeconfig,
    log,
    signal: new AbortController().signal,
    health: { port: 0 },
    embed: {
      leaderElection: true,
      lease: { namespace: lab.namespace, leaseDurationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 300 },
      extraCreateMetadata: true,
      provisioner: { volumeNamePrefix: "vol" },
      ...embed,
    },
  });
  const said = (message: string) =>
    lab.until(`${name} says ${message}`, async () => log.lines.some((line) => line.message === message));
  return { running, log, said };
}

const show = async ({ healthUrl }: RunningCsi, path: string) => {
  const answer = await fetch(`${healthUrl}${path}`);
  return { status: answer.status, text: await answer.text() };
};

it("runs with the options given, under one lease, with metrics and health; another replica takes over", async () => {
  const gate = Promise.withResolvers<void>();
  const first = await replica("first", {}, gate.promise);
  const early = await show(first.running, "/readyz");
  expect(early.status).toBe(503);
  expect(early.text).toContain(`${driverName}/driver`);
  expect((await show(first.running, "/healthz")).status).toBe(200);
  gate.resolve();
  await first.said("leading");
  const second = await replica("second");
  await second.said("standing by");

  const { metadata } = await lab.claim("one", "embedded");
  const volume = await lab.bound("one");
  expect(volume.metadata.name).toBe(`vol-${metadata.uid}`);
  expect(backend.get(volume.metadata.name)).toMatchObject({
    by: "first",
    parameters: { "csi.storage.k8s.io/pvc/name": "one", "csi.storage.k8s.io/pv/name": volume.metadata.name },
  });
  await lab.until("both are ready", async () => {
    const both = await Promise.all([first, second].map(({ running }) => show(running, "/readyz")));
    if (both.some(({ status }) => status !== 200)) throw new Error(JSON.stringify(both));
    return true;
  });
  const { text } = await show(first.running, "/metrics");
  const counted = text.split("\n").filter((line) => /_operations_seconds_count.*CreateVolume"/.test(line));
  const prefixes = counted.map((line) => /^(\w+)_operations_seconds_count\{.*\} 1$/.exec(line)?.[1]);
  expect(new Set(prefixes)).toEqual(new Set(["csi_plugin", "csi_sidecar"]));
  expect(prefixes).toHaveLength(2);
  expect(text).toMatch(/workqueue_depth\{.*name="embedded-csi-kx-dev-provisioner".*\} \d/);
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);

  const { items } = await lab.client.list(Lease, { namespace: lab.namespace });
  expect(items.map((lease) => lease.metadata.name)).toEqual([`csi-${driverName.toLowerCase()}`]);
  await first.running.stop();
  await second.said("leading");
  await lab.claim("two", "embedded");
  const { metadata: other } = await lab.bound("two");
  expect(backend.get(other.name)?.by).toBe("second");
  for (const name of ["one", "two"]) {
    await lab.client.delete(PersistentVolumeClaim, { name, namespace: lab.namespace });
  }
  await second.running.stop();
  await expect(fetch(`${second.running.healthUrl}/healthz`)).rejects.toThrow("fetch failed");
});

it("does not lead as long as its driver is not ready, and has no lease where there is to be none", async () => {
  const never = await replica("never", {}, new Promise(() => undefined));
  await using other = (await replica("other", { leaderElection: false, parts: ["provisioner"] })).running;
  await lab.claim("three", "embedded");
  const { metadata } = await lab.bound("three");
  expect(backend.get(metadata.name)?.by).toBe("other");
  expect(never.log.lines.some(({ message }) => message === "leading" || message === "standing by")).toBe(false);
  await never.running.stop();
  expect(other.healthUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});
