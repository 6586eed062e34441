import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { type CsiClients, csiClients, mounted } from "../test/support/csi-clients.ts";
import { type DriverProcess, startHostpath } from "../test/support/driver-process.ts";
import { inParallel, measure, summary } from "./measure.ts";
import { memoryMiBOf } from "./processes.ts";

/** Rates are calls (or pairs) in a second; times are medians where nothing else is said. */
export interface DriverFigures {
  readonly startMs: number;
  readonly startFullMs: number;
  readonly probe1: number;
  readonly probe32: number;
  readonly pairsEmpty: number;
  readonly pairsFull: number;
  readonly cycleMs: number;
  readonly stormFirst: number;
  readonly stormLast: number;
  readonly stormAll: number;
  readonly listMs: number;
  readonly pageMs: number;
  readonly othersP99Ms: number;
  readonly snapshotMs: number;
  readonly memoryMiB: number;
}

const range = { requiredBytes: 1024n ** 2n, limitBytes: 0n };
const snapshotBytes = 2 * 1024 ** 3;
let lastNumber = 0;

/** Takes a driver of its own, from its start, through all that is measured. */
export async function measureDriver(durability: "fsync" | "rename", volumes: number): Promise<DriverFigures> {
  await using driver = await startHostpath(["--durability", durability]);
  const startMs = await restartMs(driver);
  const csi = csiClients(driver.socket);
  const probe = () => csi.identity.probe({});
  const pair = () => createAndDelete(csi);
  const perSecond = async (total: number, width: number, call: () => Promise<unknown>) =>
    (await measure(total, width, call)).perSecond;

  await measure(2000, 32, probe);
  const probe1 = await perSecond(3000, 1, probe);
  const probe32 = await perSecond(15_000, 32, probe);
  await measure(200, 1, pair);
  const pairsEmpty = await perSecond(1000, 1, pair);
  const cycleMs = await cycles(driver, csi);
  const sixths: number[] = [];
  for (let part = 0; part < 6; part++) sixths.push(await perSecond(volumes / 6, 32, () => create(csi)));
  const pairsFull = await perSecond(500, 1, pair);
  const listMs = (await measure(20, 1, () => csi.controller.listVolumes({}))).p50Ms;
  const pageMs = (await measure(300, 1, () => csi.controller.listVolumes({ maxEntries: 100 }))).p50Ms;
  const { othersP99Ms, snapshotMs } = await whileSnapshot(driver, csi);
  const memoryMiB = await memoryMiBOf(driver.pid);
  csi.close();
  return {
    startMs,
    startFullMs: await restartMs(driver),
    probe1,
    probe32,
    pairsEmpty,
    pairsFull,
    cycleMs,
    stormFirst: sixths[0] ?? Number.NaN,
    stormLast: sixths.at(-1) ?? Number.NaN,
    stormAll: 6 / sixths.reduce((sum, part) => sum + 1 / part, 0),
    listMs,
    pageMs,
    othersP99Ms,
    snapshotMs,
    memoryMiB,
  };
}

/** Makes so many volumes and gives their ids. */
export async function createVolumes({ socket }: DriverProcess, count: number): Promise<readonly string[]> {
  const csi = csiClients(socket);
  const ids: string[] = [];
  await inParallel(Array.from({ length: count }), async () => void ids.push(await create(csi)));
  csi.close();
  return ids;
}

/** From the start of the program until Probe says that it is ready, with a little for waiting in steps. */
async function restartMs(driver: DriverProcess): Promise<number> {
  await driver.stop();
  const begin = performance.now();
  await driver.restart();
  const csi = csiClients(driver.socket);
  const { ready } = await csi.identity.probe({});
  if (ready !== true) throw new Error("the driver has said that it is ready, but Probe does not");
  csi.close();
  return performance.now() - begin;
}

async function create({ controller }: CsiClients): Promise<string> {
  const name = `bench-${process.pid}-${++lastNumber}`;
  const { volume } = await controller.createVolume({ name, capacityRange: range, volumeCapabilities: [mounted()] });
  return volume?.volumeId ?? "";
}

const createAndDelete = async (csi: CsiClients) => csi.controller.deleteVolume({ volumeId: await create(csi) });

async function cycles({ folder }: DriverProcess, csi: CsiClients): Promise<number> {
  const [stagingTargetPath, targetPath] = [join(folder, "mounts/staging"), join(folder, "mounts/target")];
  await mkdir(stagingTargetPath, { recursive: true });
  const volumeId = await create(csi);
  const request = { volumeId, stagingTargetPath, volumeCapability: mounted() };
  const cycle = async () => {
    await csi.node.nodeStageVolume(request);
    await csi.node.nodePublishVolume({ ...request, targetPath });
    await csi.node.nodeGetVolumeStats({ volumeId, volumePath: targetPath });
    await csi.node.nodeUnpublishVolume({ volumeId, targetPath });
    await csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath });
  };
  await measure(50, 1, cycle);
  return (await measure(300, 1, cycle)).p50Ms;
}

/** How long calls about other volumes take while a snapshot of two gibibytes is taken. */
async function whileSnapshot(driver: DriverProcess, csi: CsiClients) {
  const volumeId = await create(csi);
  await using file = await open(join(driver.stateDir, "volumes", volumeId, "large"), "w");
  const chunk = Buffer.alloc(1024 ** 2, "x");
  for (let written = 0; written < snapshotBytes; written += chunk.length) await file.write(chunk);
  await file.sync();
  const progress = { isTaken: false };
  const begin = performance.now();
  const snapshot = csi.controller
    .createSnapshot({ name: `large-${volumeId}`, sourceVolumeId: volumeId })
    .finally(() => (progress.isTaken = true));
  const times: number[] = [];
  const timed = async <T>(call: Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await call;
    times.push(performance.now() - start);
    return result;
  };
  while (!progress.isTaken) {
    const other = await timed(create(csi));
    await timed(csi.controller.deleteVolume({ volumeId: other }));
  }
  const snapshotMs = performance.now() - begin;
  await csi.controller.deleteSnapshot({ snapshotId: (await snapshot).snapshot?.snapshotId ?? "" });
  await csi.controller.deleteVolume({ volumeId });
  return { othersP99Ms: summary(times, snapshotMs).p99Ms, snapshotMs };
}
