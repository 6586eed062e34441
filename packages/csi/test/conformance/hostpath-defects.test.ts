// What the Go hostpath driver 1.18 does wrong, each as a test that our driver does right. csi-sanity sees none of it.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AccessMode } from "@kx/core/contracts/csi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asBlock, type CsiClients, csiClients, fromSnapshot, fromVolume, mounted } from "../support/csi-clients.ts";
import { type DriverProcess, startHostpath, until } from "../support/driver-process.ts";
import { canMount } from "../support/needs.ts";
import { statusOf } from "../support/status-of.ts";

describe.skipIf(!canMount("the ten defects are not looked for"))("defects of the Go hostpath driver", () => {
  let driver: DriverProcess;
  let csi: CsiClients;
  let targets: string;
  let lastNumber = 0;

  beforeAll(async () => {
    driver = await startHostpath(["--attach", "--log-level", "debug"]);
    csi = csiClients(driver.socket);
    targets = join(driver.folder, "targets");
    await mkdir(targets);
  });
  afterAll(async () => {
    csi.close();
    await driver[Symbol.asyncDispose]();
  });

  const range = { requiredBytes: 1024n ** 2n, limitBytes: 0n };
  const name = () => `volume-${++lastNumber}`;
  const createVolume = async (more = {}) => {
    const request = { name: name(), capacityRange: range, volumeCapabilities: [mounted()], ...more };
    const { volume } = await csi.controller.createVolume(request);
    return volume?.volumeId ?? "";
  };
  const createSnapshot = async (sourceVolumeId: string) =>
    (await csi.controller.createSnapshot({ name: name(), sourceVolumeId })).snapshot?.snapshotId ?? "";
  const contentOf = (volumeId: string) => join(driver.stateDir, "volumes", volumeId);
  const fill = async (volumeId: string, files: number, bytes = 10) => {
    const content = Buffer.alloc(bytes, "x");
    for (let index = 0; index < files; index++) await writeFile(join(contentOf(volumeId), `file-${index}`), content);
  };

  it("1: a restore that was killed is whole after the retry", { timeout: 120_000 }, async () => {
    const source = await createVolume();
    await fill(source, 200, 1024 ** 2);
    const snapshot = await createSnapshot(source);
    const making = join(driver.stateDir, "making");
    let outcome = "OK";
    // A copy may be done before it is killed.
    for (let tries = 0; tries < 10 && outcome === "OK"; tries++) {
      const volumeContentSource = fromSnapshot(snapshot);
      const request = { name: name(), capacityRange: range, volumeCapabilities: [mounted()], volumeContentSource };
      const killed = statusOf(csi.controller.createVolume(request));
      await until(async () => (await readdir(making)).length > 0, "the copy to begin");
      await driver.stop("SIGKILL");
      outcome = await killed;
      await driver.restart();
      expect(await readdir(making)).toEqual([]);
      const { volume } = await csi.controller.createVolume(request, { waitForReady: true });
      expect(await readdir(contentOf(volume?.volumeId ?? ""))).toHaveLength(200);
    }
    expect(outcome).toBe("UNAVAILABLE");
  });

  it("2: a clone that is asked for again is the same clone", async () => {
    const source = await createVolume();
    const request = {
      name: name(),
      capacityRange: range,
      volumeCapabilities: [mounted()],
      volumeContentSource: fromVolume(source),
    };
    const first = await csi.controller.createVolume(request);
    expect(await csi.controller.createVolume(request)).toEqual(first);
  });

  it("3: a name whose source is another snapshot is refused", async () => {
    const source = await createVolume();
    const [one, other] = [await createSnapshot(source), await createSnapshot(source)];
    const request = { name: name(), capacityRange: range, volumeCapabilities: [mounted()] };
    await csi.controller.createVolume({ ...request, volumeContentSource: fromSnapshot(one) });
    const again = csi.controller.createVolume({ ...request, volumeContentSource: fromSnapshot(other) });
    expect(await statusOf(again)).toBe("ALREADY_EXISTS");
  });

  it("4: pages of volumes make up the whole list, also when volumes go meanwhile", async () => {
    const ids = [];
    for (let index = 0; index < 9; index++) ids.push(await createVolume());
    const all = (await csi.controller.listVolumes({})).entries.map(({ volume }) => volume?.volumeId ?? "");
    expect(all).toEqual(expect.arrayContaining(ids));
    const found: string[] = [];
    let startingToken = "";
    do {
      const page = await csi.controller.listVolumes({ maxEntries: 2, startingToken });
      expect(page.entries.length).toBeLessThanOrEqual(2);
      found.push(...page.entries.map(({ volume }) => volume?.volumeId ?? ""));
      startingToken = page.nextToken;
      // The next page begins behind a volume that is no longer there.
      const last = found.at(-1) ?? "";
      if (ids.includes(last)) await csi.controller.deleteVolume({ volumeId: last });
    } while (startingToken !== "");
    expect(found.toSorted()).toEqual(all.toSorted());
    expect(await statusOf(csi.controller.listVolumes({ maxEntries: 2, startingToken: "3" }))).toBe("ABORTED");
  });

  it("5: all snapshots of a volume are listed, and no others", async () => {
    const [source, other] = [await createVolume(), await createVolume()];
    const ids = [await createSnapshot(source), await createSnapshot(source)];
    await createSnapshot(other);
    const { entries } = await csi.controller.listSnapshots({ sourceVolumeId: source });
    expect(entries.map(({ snapshot }) => snapshot?.snapshotId ?? "").toSorted()).toEqual(ids.toSorted());
  });

  const stage = async (volumeId: string, capability: ReturnType<typeof mounted>) => {
    const stagingTargetPath = join(targets, `staging-${volumeId}`);
    await mkdir(stagingTargetPath);
    await csi.node.nodeStageVolume({ volumeId, stagingTargetPath, volumeCapability: capability });
    return stagingTargetPath;
  };

  it("6: a target that is published cannot become read-only", async () => {
    const volumeId = await createVolume();
    const stagingTargetPath = await stage(volumeId, mounted());
    const request = { volumeId, stagingTargetPath, targetPath: join(targets, volumeId), volumeCapability: mounted() };
    await csi.node.nodePublishVolume(request);
    await csi.node.nodePublishVolume(request);
    expect(await statusOf(csi.node.nodePublishVolume({ ...request, readonly: true }))).toBe("ALREADY_EXISTS");
    await csi.node.nodeUnpublishVolume(request);
    await csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath });
  });

  it("7: a volume for one workload has no second target", async () => {
    const volumeCapability = mounted(AccessMode.SINGLE_NODE_SINGLE_WRITER);
    const volumeId = await createVolume({ volumeCapabilities: [volumeCapability] });
    const stagingTargetPath = await stage(volumeId, volumeCapability);
    const request = { volumeId, stagingTargetPath, volumeCapability };
    await csi.node.nodePublishVolume({ ...request, targetPath: join(targets, `${volumeId}-1`) });
    const second = csi.node.nodePublishVolume({ ...request, targetPath: join(targets, `${volumeId}-2`) });
    expect(await statusOf(second)).toBe("FAILED_PRECONDITION");
    await csi.node.nodeUnpublishVolume({ volumeId, targetPath: join(targets, `${volumeId}-1`) });
    await csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath });
  });

  it("8: a volume in use is not deleted: attached, published, or staged as a device", async () => {
    const volumeId = await createVolume();
    const attachment = { volumeId, nodeId: "node-1", volumeCapability: mounted() };
    await csi.controller.controllerPublishVolume(attachment);
    expect(await statusOf(csi.controller.deleteVolume({ volumeId }))).toBe("FAILED_PRECONDITION");
    await csi.controller.controllerUnpublishVolume(attachment);
    const stagingTargetPath = await stage(volumeId, mounted());
    const targetPath = join(targets, volumeId);
    await csi.node.nodePublishVolume({ volumeId, stagingTargetPath, targetPath, volumeCapability: mounted() });
    expect(await statusOf(csi.controller.deleteVolume({ volumeId }))).toBe("FAILED_PRECONDITION");
    await csi.node.nodeUnpublishVolume({ volumeId, targetPath });
    expect(await statusOf(csi.controller.deleteVolume({ volumeId })), "staged").toBe("FAILED_PRECONDITION");
    await csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath });
    await csi.controller.deleteVolume({ volumeId });

    const device = await createVolume({ volumeCapabilities: [asBlock()] });
    const staging = join(targets, device);
    await mkdir(staging);
    await csi.node.nodeStageVolume({ volumeId: device, stagingTargetPath: staging, volumeCapability: asBlock() });
    expect(await statusOf(csi.controller.deleteVolume({ volumeId: device }))).toBe("FAILED_PRECONDITION");
    await csi.node.nodeUnstageVolume({ volumeId: device, stagingTargetPath: staging });
    await csi.controller.deleteVolume({ volumeId: device });
  });

  it("9: what the standard does not allow is refused", async () => {
    const request = { name: name(), capacityRange: range, volumeCapabilities: [mounted()] };
    const wrong = {
      noType: { ...request, volumeCapabilities: [{ accessMode: { mode: AccessMode.SINGLE_NODE_WRITER } }] },
      noMode: { ...request, volumeCapabilities: [{ accessType: mounted().accessType }] },
      controlCharacters: { ...request, name: "\0".repeat(100) },
      longName: { ...request, name: "n".repeat(300) },
      longParameters: { ...request, parameters: { backing: "x".repeat(12_000) } },
    };
    for (const [what, one] of Object.entries(wrong)) {
      expect(await statusOf(csi.controller.createVolume(one)), what).toBe("INVALID_ARGUMENT");
    }
  });

  it("10: secrets are in no line of the log, be it of a call that fails", async () => {
    const secrets = { password: "planted-secret-7291" };
    await csi.controller.createVolume({ name: name(), capacityRange: range, volumeCapabilities: [mounted()], secrets });
    const wrong = csi.controller.createVolume({ name: "planted-name", volumeCapabilities: [], secrets });
    expect(await statusOf(wrong)).toBe("INVALID_ARGUMENT");
    await until(() => driver.log().includes("planted-name"), "the failed call's line");
    expect(driver.log()).not.toContain("planted-secret-7291");
  });

  it("leaves what it does not know alone", async () => {
    await mkdir(contentOf("somebody's"));
    await driver.stop("SIGTERM");
    await driver.restart();
    expect(await readdir(join(driver.stateDir, "volumes"))).toContain("somebody's");
    await rm(contentOf("somebody's"), { recursive: true });
  });
});
