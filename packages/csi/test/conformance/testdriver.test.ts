// The test-driver file for Kubernetes' storage suite, checked against the suite's own type and the capabilities that it knows.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { defineCsiDriver } from "../../src/driver/define-csi-driver.ts";
import { hostpath } from "../../src/hostpath/hostpath.ts";
import { describeTestDriver, testCapabilities } from "../../src/testing/index.ts";
import { startHostpath } from "../support/driver-process.ts";
import { goEnvironment } from "../support/go-program.ts";
import { memoryState } from "../support/memory-state.ts";
import { canMount } from "../support/needs.ts";

const go = goEnvironment();
if (go === undefined) {
  const told = "test-driver files are not compared with the suite's type: there is no Go";
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
}

/** A type as the Go program prints it. */
type GoType = string | readonly [GoType] | { readonly [field: string]: GoType };

interface Suite {
  readonly file: GoType;
  readonly capabilities: readonly string[];
}

/** Reads the suite's sources, of the Kubernetes that clusters are built from. */
function suiteOf(env: NodeJS.ProcessEnv): Suite {
  const kube = join(import.meta.dirname, "../../../cluster/go/kube");
  const run = (cwd: string, ...args: readonly string[]) =>
    execFileSync("go", args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const { Dir } = JSON.parse(run(kube, "mod", "download", "-json", "k8s.io/kubernetes")) as { readonly Dir: string };
  return JSON.parse(run(join(import.meta.dirname, "testdriver-go"), "run", ".", Dir)) as Suite;
}

/** What of a value is not of a type: its path. */
function misfits(value: unknown, type: GoType, path = "file"): readonly string[] {
  if (typeof type === "string") {
    const wanted = { bool: "boolean", string: "string", int: "number", int64: "number", float64: "number" }[type];
    // Names of other packages' types are strings here.
    return typeof value === (wanted ?? "string") ? [] : [path];
  }
  if (Array.isArray(type)) {
    const [element] = type as readonly [GoType];
    return Array.isArray(value) ? value.flatMap((one, index) => misfits(one, element, `${path}[${index}]`)) : [path];
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  const fields = type as Readonly<Record<string, GoType>>;
  return Object.entries(value).flatMap(([name, one]) => {
    const field = fields["*"] ?? fields[name];
    return field === undefined ? [`${path}.${name}`] : misfits(one, field, `${path}.${name}`);
  });
}

describe.skipIf(go === undefined)("the storage suite's own type", () => {
  const suite = go === undefined ? { file: "", capabilities: [] } : suiteOf(go);

  it("has the capabilities that are told, and no others", () => {
    expect([...testCapabilities].toSorted()).toEqual(suite.capabilities.toSorted());
  });

  it("fits the file of a typed driver", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "kx-csi-testdriver-"));
    try {
      const driver = hostpath({ nodeId: "node-1", stateDir, attach: true, maxVolumesPerNode: 8, durability: "rename" });
      const file = await describeTestDriver({ driver }, { attributesClass: "gold", fsTypes: ["xfs"], maxSize: "1Gi" });
      expect(misfits(file, suite.file)).toEqual([]);
      expect(file).toEqual({
        StorageClass: { FromName: true },
        SnapshotClass: { FromName: true },
        GroupSnapshotClass: { FromName: true },
        VolumeAttributesClass: { FromExistingClassName: "gold" },
        DriverInfo: {
          Name: "hostpath.csi.kx.dev",
          SupportedSizeRange: { Min: "1Mi", Max: "1Gi" },
          SupportedFsType: { "": {}, xfs: {} },
          TopologyKeys: ["topology.hostpath.csi.kx.dev/node"],
          Capabilities: expect.objectContaining({ block: true, topology: true, volumeLimits: true, RWX: true }),
        },
        InlineVolumes: [{ Attributes: {} }],
      });
      // Each field counts: what the suite does not know is found.
      expect(misfits({ ...file, Storageclass: {} }, suite.file)).toEqual(["file.Storageclass"]);
      const wrong = { DriverInfo: { ...file.DriverInfo, Capabilities: { block: "yes" } } };
      expect(misfits(wrong, suite.file)).toEqual(["file.DriverInfo.Capabilities.block"]);
    } finally {
      await rm(stateDir, { recursive: true, force: true });
    }
  });
});

describe.skipIf(!canMount("a driver's uses are not probed"))("a driver behind a socket", () => {
  it("shows by volumes that are made how they can be used, and none is left", async () => {
    await using driver = await startHostpath(["--attach"]);
    const endpoint = `unix://${driver.socket}`;
    const asked = await describeTestDriver(
      { endpoint },
      { csiDriver: { fsGroupPolicy: "None", storageCapacity: true } },
    );
    expect(asked.DriverInfo.Capabilities).toMatchObject({ block: false, fsGroup: true, capacity: true });
    expect(asked.InlineVolumes).toBeUndefined();
    const probed = await describeTestDriver({ endpoint }, { probe: true });
    expect(probed.DriverInfo.Capabilities).toMatchObject({ block: true, RWX: true, capReadOnlyMany: true });
    expect(await driver.inside("ls", [join(driver.stateDir, "volumes")])).toBe("");
  });
});

describe("a driver of folders of one node", () => {
  it("refuses the volumes by which its uses are probed", async () => {
    const driver = defineCsiDriver({
      name: "folders.csi.example.com",
      state: memoryState(),
      createVolume: async (_, { fingerprint }) => ({ volume: { volumeId: fingerprint } }),
      deleteVolume: async () => {},
    });
    const probed = await describeTestDriver({ driver }, { probe: true });
    expect(probed.DriverInfo.Capabilities).toMatchObject({ block: false, RWX: false, capReadOnlyMany: false });
    expect(probed).toEqual(await describeTestDriver({ driver }));
  });
});

describe("a driver without a controller", () => {
  it("has inline volumes alone", async () => {
    const driver = defineCsiDriver({
      name: "secrets.csi.example.com",
      csiDriver: { volumeLifecycleModes: ["Ephemeral"], fsGroupPolicy: "None" },
      nodePublishVolume: async () => {},
      nodeUnpublishVolume: async () => {},
      nodeGetInfo: async () => ({ nodeId: "node-1" }),
    });
    const file = await describeTestDriver({ driver }, { inlineAttributes: { from: "vault" } });
    expect(Object.keys(file)).toEqual(["DriverInfo", "InlineVolumes"]);
    expect(file.InlineVolumes).toEqual([{ Attributes: { from: "vault" } }]);
    expect(file.DriverInfo.Capabilities).toMatchObject({ persistence: false, fsGroup: false, multipods: true });
  });
});
