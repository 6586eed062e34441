import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccessMode } from "@kx/core/contracts/csi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memoryState } from "../../test/support/memory-state.ts";
import { serveDriver, statusOf } from "../../test/support/serve-driver.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { defineCsiDriver } from "./define-csi-driver.ts";
import type { Mount } from "./publish-table.ts";

const capabilityOf = (mode: AccessMode) => ({
  accessType: { case: "mount", value: {} } as const,
  accessMode: { mode },
});

/** A driver of the node alone; what it publishes is in `mounts`, as the kernel would tell. */
function nodeDriver(own: Partial<CsiDriverDefinition> = {}) {
  const mounts: Mount[] = [];
  const published: string[] = [];
  const definition: CsiDriverDefinition = {
    name: "node.csi.kx.dev",
    async nodePublishVolume({ targetPath, readonly: isReadonly }) {
      published.push(targetPath);
      mounts.push({ mountPoint: targetPath, options: [isReadonly ? "ro" : "rw"] });
    },
    async nodeUnpublishVolume({ targetPath }) {
      const at = mounts.findIndex(({ mountPoint }) => mountPoint === targetPath);
      if (at >= 0) mounts.splice(at, 1);
    },
    nodeGetInfo: async () => ({ nodeId: "n" }),
    ...own,
  };
  return { mounts, published, driver: defineCsiDriver<CsiDriverDefinition>(definition) };
}

type Served = Awaited<ReturnType<typeof serveDriver>>;
const publisher =
  (served: Served, mode: AccessMode) =>
  (targetPath: string, change: object = {}) =>
    served.node.nodePublishVolume({ volumeId: "v", targetPath, volumeCapability: capabilityOf(mode), ...change });

describe("NodePublishVolume for a second time", () => {
  it.each([
    ["SINGLE_NODE_SINGLE_WRITER", true, "FAILED_PRECONDITION"],
    ["SINGLE_NODE_MULTI_WRITER", true, "OK"],
    // Callers that do not know the two above mean one node by it.
    ["SINGLE_NODE_WRITER", true, "OK"],
    ["MULTI_NODE_MULTI_WRITER", true, "OK"],
    ["SINGLE_NODE_WRITER", false, "FAILED_PRECONDITION"],
    ["MULTI_NODE_MULTI_WRITER", false, "OK"],
  ] as const)("of %s (capability %s): another target is %s", async (name, singleNodeMultiWriter, status) => {
    const { driver, published, mounts } = nodeDriver({
      features: { singleNodeMultiWriter, accessModes: [AccessMode[name]] },
    });
    await using served = await serveDriver(driver, { mounts: () => mounts });
    const publish = publisher(served, AccessMode[name]);
    await publish("/t/1");
    await publish("/t/1");
    expect(published).toEqual(["/t/1"]);
    expect(await statusOf(publish("/t/1", { readonly: true }))).toBe("ALREADY_EXISTS");
    expect(await statusOf(publish("/t/1", { volumeId: "w" }))).toBe("ALREADY_EXISTS");
    expect(await statusOf(publish("/t/2"))).toBe(status);
    await served.node.nodeUnpublishVolume({ volumeId: "v", targetPath: "/t/1" });
    await served.node.nodeUnpublishVolume({ volumeId: "v", targetPath: "/t/1" });
    expect(await statusOf(publish("/t/2"))).toBe("OK");
  });

  it("refuses another mode beside a single writer", async () => {
    const { driver, mounts } = nodeDriver();
    await using served = await serveDriver(driver, { mounts: () => mounts });
    await publisher(served, AccessMode.SINGLE_NODE_SINGLE_WRITER)("/t/1");
    const second = publisher(served, AccessMode.SINGLE_NODE_MULTI_WRITER)("/t/2");
    expect(await statusOf(second)).toBe("FAILED_PRECONDITION");
  });

  it("publishes again what is not mounted any more, and what has to be renewed", async () => {
    const { driver, published, mounts } = nodeDriver();
    await using served = await serveDriver(driver, { mounts: () => mounts });
    const publish = publisher(served, AccessMode.SINGLE_NODE_SINGLE_WRITER);
    await publish("/t/1");
    mounts.length = 0;
    await publish("/t/1");
    expect(published).toEqual(["/t/1", "/t/1"]);
    mounts.length = 0;
    await publish("/t/2");
    const renewing = nodeDriver({ csiDriver: { requiresRepublish: true } });
    await using other = await serveDriver(renewing.driver, { mounts: () => renewing.mounts });
    const again = publisher(other, AccessMode.SINGLE_NODE_WRITER);
    await again("/t/1");
    await again("/t/1");
    expect(renewing.published).toEqual(["/t/1", "/t/1"]);
  });
});

describe("after a restart", () => {
  let kubelet: string;
  beforeAll(async () => {
    kubelet = await mkdtemp(join(tmpdir(), "kx-csi-kubelet-"));
  });
  afterAll(() => rm(kubelet, { recursive: true }));

  it("the driver's state tells what is published, as far as the kernel agrees", async () => {
    const state = memoryState();
    const first = nodeDriver({ state });
    const { mounts } = first;
    {
      await using served = await serveDriver(first.driver, { mounts: () => mounts });
      const publish = publisher(served, AccessMode.SINGLE_NODE_SINGLE_WRITER);
      await publish("/t/1");
      await publish("/t/w", { volumeId: "w" });
    }
    mounts.pop();
    const second = nodeDriver({ state });
    await using served = await serveDriver(second.driver, { mounts: () => mounts });
    const publish = publisher(served, AccessMode.SINGLE_NODE_SINGLE_WRITER);
    expect(await statusOf(publish("/t/2"))).toBe("FAILED_PRECONDITION");
    expect(await statusOf(publish("/t/1", { readonly: true }))).toBe("ALREADY_EXISTS");
    expect(await statusOf(publish("/t/w2", { volumeId: "w" }))).toBe("OK");
    expect(second.published).toEqual(["/t/w2"]);
  });

  it("the kubelet's own notes tell it to a driver without state", async () => {
    const files = join(kubelet, "pods/uid-1/volumes/kubernetes.io~csi/pv-1");
    const devices = join(kubelet, "plugins/kubernetes.io/csi/volumeDevices/pv-2/data");
    const note = (driverName: string, volumeHandle: string) => JSON.stringify({ driverName, volumeHandle });
    for (const folder of [files, devices, join(kubelet, "pods/uid-2/volumes/kubernetes.io~csi/pv-3")]) {
      await mkdir(folder, { recursive: true });
    }
    await writeFile(join(files, "vol_data.json"), note("node.csi.kx.dev", "v"));
    await writeFile(join(devices, "vol_data.json"), note("node.csi.kx.dev", "block"));
    await writeFile(join(kubelet, "pods/uid-2/volumes/kubernetes.io~csi/pv-3/vol_data.json"), note("other", "x"));
    const blockTarget = join(kubelet, "plugins/kubernetes.io/csi/volumeDevices/publish/pv-2/uid-1");
    const { driver, mounts, published } = nodeDriver();
    mounts.push(
      { mountPoint: join(files, "mount"), options: ["rw"] },
      { mountPoint: blockTarget, options: ["ro"] },
      { mountPoint: join(kubelet, "pods/uid-2/volumes/kubernetes.io~csi/pv-3/mount"), options: ["rw"] },
    );
    await using served = await serveDriver(driver, { mounts: () => mounts });
    const publish = publisher(served, AccessMode.SINGLE_NODE_SINGLE_WRITER);
    expect(await statusOf(publish("/t/1"))).toBe("FAILED_PRECONDITION");
    expect(await statusOf(publish("/t/2", { volumeId: "block" }))).toBe("FAILED_PRECONDITION");
    expect(await statusOf(publish("/t/3", { volumeId: "x" }))).toBe("OK");
    expect(await statusOf(publish(blockTarget, { volumeId: "block" }))).toBe("ALREADY_EXISTS");
    expect(await statusOf(publish(join(files, "mount")))).toBe("OK");
    expect(published).toEqual(["/t/3"]);
    // It may have been killed before it had made this one read-only.
    expect(await statusOf(publish(join(files, "mount"), { readonly: true }))).toBe("OK");
    expect(published).toEqual(["/t/3", join(files, "mount")]);
  });
});

describe("staging", () => {
  it("comes before publishing, always in the same way, and is told of by a capability", async () => {
    const staged: string[] = [];
    const { driver, mounts } = nodeDriver({
      features: { accessTypes: ["mount", "block"] },
      nodeStageVolume: async ({ stagingTargetPath }) => void staged.push(stagingTargetPath),
      nodeUnstageVolume: async () => undefined,
    });
    await using served = await serveDriver(driver, { mounts: () => mounts });
    const capability = capabilityOf(AccessMode.SINGLE_NODE_WRITER);
    const publish = (change: object) =>
      served.node.nodePublishVolume({ volumeId: "v", targetPath: "/t", volumeCapability: capability, ...change });
    expect(await statusOf(publish({}))).toBe("FAILED_PRECONDITION");
    const stage = (change: object = {}) =>
      served.node.nodeStageVolume({ volumeId: "v", stagingTargetPath: "/s", volumeCapability: capability, ...change });
    await stage();
    await stage();
    const block = { accessType: { case: "block", value: {} } as const, accessMode: capability.accessMode };
    expect(await statusOf(stage({ volumeCapability: block }))).toBe("ALREADY_EXISTS");
    await served.node.nodeUnstageVolume({ volumeId: "v", stagingTargetPath: "/s" });
    await stage({ volumeCapability: block });
    expect(staged).toEqual(["/s", "/s", "/s"]);
    expect(await statusOf(publish({ stagingTargetPath: "/s" }))).toBe("OK");
  });

  it("is refused for uses that the driver does not support", async () => {
    const { driver } = nodeDriver({ features: { fsTypes: ["ext4"] } });
    await using served = await serveDriver(driver);
    const accessMode = { mode: AccessMode.SINGLE_NODE_WRITER };
    const publish = (volumeCapability: object) =>
      statusOf(served.node.nodePublishVolume({ volumeId: "v", targetPath: "/t", volumeCapability }));
    expect(await publish({ accessType: { case: "block", value: {} }, accessMode })).toBe("FAILED_PRECONDITION");
    expect(await publish({ accessType: { case: "mount", value: { fsType: "xfs" } }, accessMode })).toBe(
      "FAILED_PRECONDITION",
    );
    expect(await publish({ accessType: { case: "mount", value: { fsType: "ext4" } }, accessMode })).toBe("OK");
  });
});
