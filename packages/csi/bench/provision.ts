// How long many claims take to be bound, with the hostpath driver and its controllers in this process, against a real API
// server and kube-controller-manager: `node bench/provision.ts [claims]`.
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "@kx/cluster";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { StorageClass } from "@kx/controllers/api/storage-v1";
import { clusterClient } from "@kx/controllers/testing";
import { sleep, systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";
import { createLogger } from "@kx/core/log";
import { runCsiDriver } from "@kx/csi";
import { csiControllers, inProcessDriver } from "@kx/csi/controllers";
import { hostpath } from "@kx/csi/hostpath";

const count = Number(process.argv[2] ?? 500);
const driverName = "bench.csi.kx.dev";
const log = createLogger({ level: "warn" });
const folder = await mkdtemp(join(tmpdir(), "kx-csi-bench-"));
const cluster = await startControlPlane({ controllerManager: true });
const client = await clusterClient(cluster);
const driver = hostpath({ name: driverName, nodeId: "node", stateDir: `${folder}/state`, durability: "rename" });
const running = await runCsiDriver(driver, { endpoint: `unix://${folder}/csi.sock`, log });
await running.ready;
const seen = inProcessDriver(driver, { services: () => running.services, log });
const extensions = csiControllers(seen, { provisioner: { immediateTopology: false } });
const host = await runHost({ role: "controller", extensions, log, clock: systemClock, kubeconfig: cluster.kubeconfig });
await host.ready;
await client.create(StorageClass, { metadata: { name: "bench" }, provisioner: driverName });

const claim = (number: number) => ({
  metadata: { name: `claim-${number}`, namespace: "default" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } }, storageClassName: "bench" },
});
const begun = performance.now();
const seconds = () => (performance.now() - begun) / 1000;
await Promise.all(Array.from({ length: count }, (_, number) => client.create(PersistentVolumeClaim, claim(number))));
const createdAt = seconds();
let [volumesAt, boundAt] = [0, 0];
while (boundAt === 0) {
  const volumes = (await client.list(PersistentVolume)).items.length;
  const { items } = await client.list(PersistentVolumeClaim, { namespace: "default" });
  const asked = items.filter(({ metadata }) => Object.keys(metadata.annotations ?? {}).length > 0).length;
  const bound = items.filter(({ status }) => status?.phase === "Bound").length;
  if (volumes === count && volumesAt === 0) volumesAt = seconds();
  if (bound === count) boundAt = seconds();
  console.log(`${seconds().toFixed(1)} s: ${asked} asked, ${volumes} volumes, ${bound} bound`);
  await sleep(500);
}
const { user, system } = process.cpuUsage();
console.log(
  `${count} claims: created ${createdAt.toFixed(1)} s, volumes ${volumesAt.toFixed(1)} s, bound ${boundAt.toFixed(1)} s`,
);
console.log(
  `${(count / boundAt).toFixed(1)} bound/s; this process ${((user + system) / 1e6).toFixed(1)} s of CPU; load ${loadavg()[0]?.toFixed(1)}`,
);
await host.stop();
await running.stop();
await client[Symbol.asyncDispose]();
await cluster.stop();
await rm(folder, { recursive: true, force: true });
