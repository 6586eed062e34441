// The conformance kit: the hostpath driver passes it, and each case fails on a driver that is broken where the case looks.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostpath } from "../../src/hostpath/hostpath.ts";
import { allCases } from "../../src/testing/conformance/cases.ts";
import { conformance, formatReport } from "../../src/testing/index.ts";
import { type BrokenDriver, breakDriver } from "../support/broken-driver.ts";
import { csiClients, mounted } from "../support/csi-clients.ts";
import { type DriverProcess, startHostpath } from "../support/driver-process.ts";
import { canMount } from "../support/needs.ts";
import { twins } from "../support/twins.ts";

const mutableParameters = { tier: "gold" };
const volumeBytes = 1024n ** 2n;

describe("the hostpath driver in this process", () => {
  it("passes every case without mounts", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "kx-csi-kit-"));
    try {
      const driver = hostpath({ nodeId: "node-1", stateDir, attach: true, durability: "rename" });
      const report = await conformance({ driver, mutableParameters, volumeBytes, mounts: false });
      expect(report.isConformant, formatReport(report)).toBe(true);
      const left = report.cases.filter(({ outcome }) => outcome !== "passed").map(({ id }) => id);
      expect(left).toEqual(
        allCases.filter(({ isMounting, needsFaults }) => isMounting ?? needsFaults).map(({ id }) => id),
      );
    } finally {
      await rm(stateDir, { recursive: true, force: true });
    }
  });
});

const isAble = canMount("the kit is not tried with mounts");

describe.skipIf(!isAble)("the hostpath driver as a process", () => {
  let driver: DriverProcess;
  let broken: BrokenDriver;

  beforeAll(async () => {
    driver = await startHostpath(["--attach", "--log-level", "debug", "--capacity", "1Gi"]);
    broken = await breakDriver(driver.socket);
  });
  afterAll(async () => {
    await broken?.[Symbol.asyncDispose]();
    await driver?.[Symbol.asyncDispose]();
  });
  const options = () => ({
    endpoint: `unix://${driver.socket}`,
    folder: driver.folder,
    readLog: () => driver.log(),
    mutableParameters,
    volumeBytes,
    faults: { kill: async () => void (await driver.stop("SIGKILL")), start: () => driver.restart(), fill },
  });
  /** One volume has all that is left. */
  const fill = async (): Promise<AsyncDisposable> => {
    const csi = csiClients(driver.socket);
    const { availableCapacity: requiredBytes } = await csi.controller.getCapacity({});
    const request = { name: "all-of-it", capacityRange: { requiredBytes }, volumeCapabilities: [mounted()] };
    const { volume } = await csi.controller.createVolume(request);
    return {
      async [Symbol.asyncDispose]() {
        await csi.controller.deleteVolume({ volumeId: volume?.volumeId ?? "" });
        csi.close();
      },
    };
  };

  it("passes every case, and none is left out", { timeout: 300_000 }, async () => {
    const report = await conformance(options());
    expect(report.isConformant, formatReport(report)).toBe(true);
    expect(report.counts).toEqual({ passed: allCases.length, failed: 0, "not-applicable": 0, gap: 0, "gap-closed": 0 });
  });

  it("has a broken twin for each case", () => {
    const names = allCases.map(({ id }) => id).filter((id) => id === "D3.message" || !id.startsWith("D3."));
    expect(Object.keys(twins).toSorted()).toEqual([...names, "D3"].toSorted());
  });

  it.each(allCases.map(({ id }) => id))("%s fails on its twin", { timeout: 120_000 }, async (id) => {
    broken.become(twins[id] ?? twins["D3"] ?? {});
    const readLog = () => `${driver.log()}${broken.log()}`;
    const report = await conformance({ ...options(), readLog, endpoint: broken.endpoint, only: [id], timeoutMs: 5000 });
    if (id === "D3.message") expect(report.cases[0]?.reason).toContain("without a message");
    expect(report.cases[0]?.outcome, formatReport(report, { all: true })).toBe("failed");
  });
});
