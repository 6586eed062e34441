// Measures the hostpath driver as a process: `npm run bench -w @kx/csi`, as root. The figures of the Go driver stand beside as
// they were measured once on a machine like this; its module cannot be had everywhere, so it is not built here.
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CsiClients, csiClients, mounted } from "../test/support/csi-clients.ts";
import { type DriverProcess, startHostpath } from "../test/support/driver-process.ts";
import { describe, measure, show } from "./measure.ts";

const range = { requiredBytes: 1024n ** 2n, limitBytes: 0n };
const storm = Number(process.env["KX_BENCH_VOLUMES"] ?? 6000);
const print = (line: string) => void process.stdout.write(`${line}\n`);
let lastNumber = 0;

async function create({ controller }: CsiClients): Promise<string> {
  const name = `bench-${process.pid}-${++lastNumber}`;
  const { volume } = await controller.createVolume({ name, capacityRange: range, volumeCapabilities: [mounted()] });
  return volume?.volumeId ?? "";
}

const createAndDelete = async (csi: CsiClients) => csi.controller.deleteVolume({ volumeId: await create(csi) });

async function cycle(csi: CsiClients, folder: string, volumeId: string): Promise<void> {
  const [stagingTargetPath, targetPath] = [join(folder, "staging"), join(folder, "target")];
  const request = { volumeId, stagingTargetPath, volumeCapability: mounted() };
  await csi.node.nodeStageVolume(request);
  await csi.node.nodePublishVolume({ ...request, targetPath });
  await csi.node.nodeGetVolumeStats({ volumeId, volumePath: targetPath });
  await csi.node.nodeUnpublishVolume({ volumeId, targetPath });
  await csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath });
}

/** How long other volumes' calls take while a snapshot of so many bytes is taken. */
async function whileSnapshot(driver: DriverProcess, csi: CsiClients, bytes: number) {
  const volumeId = await create(csi);
  await using file = await open(join(driver.stateDir, "volumes", volumeId, "large"), "w");
  const chunk = Buffer.alloc(1024 ** 2, "x");
  for (let written = 0; written < bytes; written += chunk.length) await file.write(chunk);
  await file.sync();
  const progress = { isTaken: false };
  const begin = performance.now();
  const snapshot = csi.controller
    .createSnapshot({ name: "large", sourceVolumeId: volumeId })
    .finally(() => (progress.isTaken = true));
  const times: number[] = [];
  while (!progress.isTaken) {
    const start = performance.now();
    await createAndDelete(csi);
    times.push((performance.now() - start) / 2);
  }
  const tookMs = performance.now() - begin;
  await csi.controller.deleteSnapshot({ snapshotId: (await snapshot).snapshot?.snapshotId ?? "" });
  await csi.controller.deleteVolume({ volumeId });
  return { tookMs, measured: describe(times, tookMs) };
}

async function memoryOf(pid: number): Promise<string> {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return `${Math.round(Number(kilobytes) / 1024)} MiB`;
}

async function run(durability: "fsync" | "rename"): Promise<void> {
  const begin = performance.now();
  await using driver = await startHostpath(["--durability", durability]);
  const startMs = performance.now() - begin;
  const csi = csiClients(driver.socket);
  const row = (...args: Parameters<typeof show>) => print(show(...args));
  print(
    `\n## durability ${durability}\n\n| work | rate | p50 / p99 ms | Go hostpath 1.18, elsewhere |\n|---|---|---|---|`,
  );
  print(`| start to ready, with a namespace made | | ${startMs.toFixed(0)} | |`);
  for (const width of [1, 32]) {
    await measure(1000, width, () => csi.identity.probe({}));
    row(
      `Probe, ${width} in flight`,
      await measure(4000, width, () => csi.identity.probe({})),
      width === 1 ? "5,185/s" : "26,750/s",
    );
  }
  await measure(200, 1, () => createAndDelete(csi));
  row("create + delete, 1 in flight, empty", await measure(500, 1, () => createAndDelete(csi)), "630/s");
  const folder = join(driver.folder, "mounts");
  await mkdir(join(folder, "staging"), { recursive: true });
  const volumeId = await create(csi);
  await measure(20, 1, () => cycle(csi, folder, volumeId));
  row(
    "stage, publish, stats, unpublish, unstage",
    await measure(100, 1, () => cycle(csi, folder, volumeId)),
    "35.5 ms",
  );
  const part = storm / 6;
  for (let index = 0; index < 6; index++) {
    row(
      `storm of creates, 32 in flight, from ${index * part}`,
      await measure(part, 32, () => create(csi)),
      index < 2 ? "547/s" : "189/s",
    );
  }
  row(`create + delete, 1 in flight, ${storm} there`, await measure(300, 1, () => createAndDelete(csi)), "65/s");
  row(`ListVolumes, all ${storm}`, await measure(10, 1, () => csi.controller.listVolumes({})), "214 ms");
  row(
    "ListVolumes, a page of 100",
    await measure(200, 1, () => csi.controller.listVolumes({ maxEntries: 100 })),
    "1.7 ms",
  );
  const { tookMs, measured } = await whileSnapshot(driver, csi, 2 * 1024 ** 3);
  row(`others' calls while 2 GiB are snapshotted (${(tookMs / 1000).toFixed(1)} s)`, measured, "blocked");
  print(`| memory of the driver, ${storm} volumes | | ${await memoryOf(driver.pid)} | 33 MB |`);
  csi.close();
}

for (const durability of ["rename", "fsync"] as const) await run(durability);
