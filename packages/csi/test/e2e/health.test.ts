// What is told of claims: the health monitor and the data-source validator, a real API server, the hostpath driver.
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { Event, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { eventually, testNamespace } from "@kx/controllers/testing";
import { csiControllers } from "@kx/csi/controllers";
import { dataSourceValidator, VolumePopulator, volumePopulatorCrd } from "@kx/csi/data-source-validator";
import { hostpath } from "@kx/csi/hostpath";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CsiLab, startCsiLab } from "../support/csi-lab.ts";

let lab: CsiLab;

beforeAll(async () => {
  lab = await startCsiLab({
    driver: (stateDir) => hostpath({ nodeId: "node-1", stateDir, durability: "rename" }),
    extensions: (driver) => [
      dataSourceValidator(),
      ...csiControllers(driver, { parts: ["health-monitor"], healthMonitor: { intervalMs: 200 } }),
    ],
  });
  await lab.client.create(CustomResourceDefinition, volumePopulatorCrd());
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const told = (namespace: string, name: string, reason: string) =>
  eventually(
    async () => {
      const { items } = await lab.client.list(Event, { namespace, fieldSelector: `involvedObject.name=${name}` });
      const event = items.find((one) => one.reason === reason);
      if (event === undefined) throw new Error(JSON.stringify(items.map((one) => one.reason)));
      return event;
    },
    { describe: `${reason} of ${name}` },
  );

describe("the health monitor", () => {
  it("tells a claim that its volume is lost, and that it is back", async () => {
    await using namespace = await testNamespace(lab.client);
    const { handle } = await lab.claim(namespace.name, "data");
    await lab.claim(namespace.name, "well");
    const folder = join(lab.stateDir, "volumes", handle);
    await rename(folder, `${folder}-away`);
    const bad = await told(namespace.name, "data", "VolumeConditionAbnormal");
    expect(bad).toMatchObject({ type: "Warning", message: expect.stringContaining("ContentMissing") });
    await rename(`${folder}-away`, folder);
    expect(await told(namespace.name, "data", "VolumeConditionNormal")).toMatchObject({ type: "Normal" });
    expect(await lab.reasons(namespace.name, "well")).toEqual([]);
  });
});

describe("the data-source validator", () => {
  const claimOf = (namespace: string, name: string, kind: string) =>
    lab.client.create(PersistentVolumeClaim, {
      metadata: { namespace, name },
      spec: {
        accessModes: ["ReadWriteOnce"],
        storageClassName: "lab",
        resources: { requests: { storage: "8Mi" } },
        dataSourceRef: { apiGroup: "example.org", kind, name: "source" },
      },
    });

  it("tells claims that nobody fills", async () => {
    await using namespace = await testNamespace(lab.client);
    await lab.client.create(VolumePopulator, {
      metadata: { name: "backups" },
      sourceKind: { group: "example.org", kind: "Backup" },
    });
    await claimOf(namespace.name, "known", "Backup");
    await claimOf(namespace.name, "unknown", "Tape");
    expect(await told(namespace.name, "unknown", "UnrecognizedDataSourceKind")).toMatchObject({ type: "Warning" });
    expect(await lab.reasons(namespace.name, "known")).toEqual([]);
  });
});
