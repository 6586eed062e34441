import { AccessMode } from "@kx/core/contracts/csi";
import { describe, expect, it } from "vitest";
import { memoryState } from "../../test/support/memory-state.ts";
import { type ServedDriver, serveDriver, statusOf } from "../../test/support/serve-driver.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { csiError } from "./csi-error.ts";
import { defineCsiDriver } from "./define-csi-driver.ts";

const mount = { case: "mount", value: {} } as const;
const capability = { accessType: mount, accessMode: { mode: AccessMode.SINGLE_NODE_WRITER } };
const zone = (name: string) => ({ segments: { "topology.example.com/zone": name } });
const created = { name: "a", volumeCapabilities: [capability], parameters: { tier: "gold" } };

/** A driver that counts, and whose volumes are nothing but their ids. */
function countingDriver(own: Partial<CsiDriverDefinition> = {}) {
  const calls: string[] = [];
  const state = memoryState();
  const definition: CsiDriverDefinition = {
    name: "test.csi.kx.dev",
    state,
    features: { clone: true, topology: true, publishReadonly: true, expansion: "offline" },
    async createVolume({ name, capacityRange, accessibilityRequirements }, ctx) {
      calls.push(`create ${name}`);
      ctx.keep({ made: calls.length });
      return {
        volume: {
          volumeId: `id-${name}`,
          capacityBytes: capacityRange?.requiredBytes ?? 100n,
          accessibleTopology: accessibilityRequirements?.preferred.slice(0, 1) ?? [],
        },
      };
    },
    deleteVolume: async ({ volumeId }) => void calls.push(`delete ${volumeId}`),
    controllerPublishVolume: async ({ nodeId }) => ({ publishContext: { slot: nodeId } }),
    controllerUnpublishVolume: async ({ nodeId }) => void calls.push(`detach ${nodeId}`),
    async controllerExpandVolume({ capacityRange }, ctx) {
      calls.push(`expand ${JSON.stringify(ctx.stored?.data)}`);
      return { capacityBytes: capacityRange?.requiredBytes ?? 0n };
    },
    controllerModifyVolume: async () => ({}) as never,
    ...own,
  };
  return { calls, state, driver: defineCsiDriver<CsiDriverDefinition>(definition) };
}

async function withVolume(served: ServedDriver, name = "a"): Promise<string> {
  const { volume } = await served.controller.createVolume({ ...created, name });
  return volume?.volumeId ?? "";
}

describe("CreateVolume", () => {
  it("gives a retry what it gave before, without asking the driver", async () => {
    const { calls, driver, state } = countingDriver();
    await using served = await serveDriver(driver);
    const range = { requiredBytes: 10n, limitBytes: 20n };
    const first = await served.controller.createVolume({ ...created, capacityRange: range });
    expect(first.volume).toMatchObject({ volumeId: "id-a", capacityBytes: 10n });
    const retries = [
      { ...created, capacityRange: range, secrets: { key: "new" } },
      { ...created, capacityRange: { requiredBytes: 5n, limitBytes: 0n } },
      { ...created, parameters: { tier: "gold", "csi.storage.k8s.io/pv/name": "pvc-1" } },
      { ...created, mutableParameters: { iops: "3" } },
    ];
    for (const retry of retries) expect(await served.controller.createVolume(retry)).toEqual(first);
    expect(calls).toEqual(["create a"]);
    expect(await state.get("volume", "id-a")).toMatchObject({ name: "a", data: { made: 1 } });
    expect(JSON.stringify(await state.get("volume", "id-a"))).not.toContain("secret");
  });

  it.each([
    ["a larger size", { capacityRange: { requiredBytes: 101n, limitBytes: 0n } }, "size of 100 bytes"],
    ["a smaller limit", { capacityRange: { requiredBytes: 1n, limitBytes: 99n } }, "size of 100 bytes"],
    ["other parameters", { parameters: { tier: "silver" } }, "parameters"],
    ["no parameters", { parameters: {} }, "parameters"],
    ["a source", { volumeContentSource: { type: { case: "volume", value: { volumeId: "id-a" } } } }, "content source"],
    [
      "another mode",
      { volumeCapabilities: [{ accessType: mount, accessMode: { mode: AccessMode.SINGLE_NODE_READER_ONLY } }] },
      "capabilities",
    ],
    ["another place", { accessibilityRequirements: { requisite: [zone("b")] } }, "places"],
  ] as const)("refuses the same name with %s", async (_, change, message) => {
    const { driver, calls } = countingDriver();
    await using served = await serveDriver(driver);
    await served.controller.createVolume({
      ...created,
      accessibilityRequirements: { requisite: [zone("a"), zone("b")], preferred: [zone("a")] },
    });
    const again = served.controller.createVolume({ ...created, ...change } as typeof created);
    await expect(again).rejects.toThrow(message);
    expect(await statusOf(again)).toBe("ALREADY_EXISTS");
    expect(calls).toEqual(["create a"]);
  });

  it("lets a retry want another place, as long as the volume is reachable from there", async () => {
    const { driver } = countingDriver();
    await using served = await serveDriver(driver);
    const requirement = { requisite: [zone("a"), zone("b")], preferred: [zone("a")] };
    const first = await served.controller.createVolume({ ...created, accessibilityRequirements: requirement });
    const rescheduled = { requisite: [zone("b"), zone("a")], preferred: [zone("b")] };
    expect(await served.controller.createVolume({ ...created, accessibilityRequirements: rescheduled })).toEqual(first);
  });

  it("knows what sources there are", async () => {
    const { driver } = countingDriver();
    await using served = await serveDriver(driver);
    await withVolume(served);
    const clone = (volumeId: string, limitBytes = 0n) =>
      served.controller.createVolume({
        ...created,
        name: "b",
        capacityRange: { requiredBytes: 1n, limitBytes },
        volumeContentSource: { type: { case: "volume", value: { volumeId } } },
      });
    expect(await statusOf(clone("id-missing"))).toBe("NOT_FOUND");
    expect(await statusOf(clone("id-a", 50n))).toBe("OUT_OF_RANGE");
    const snapshot = { type: { case: "snapshot", value: { snapshotId: "s" } } } as const;
    const restored = served.controller.createVolume({ ...created, name: "c", volumeContentSource: snapshot });
    expect(await statusOf(restored)).toBe("INVALID_ARGUMENT");
  });
});

describe("a volume's use", () => {
  it("is attached to one node at a time, and to the same in the same way", async () => {
    const { driver, calls } = countingDriver();
    await using served = await serveDriver(driver);
    const volumeId = await withVolume(served);
    const attach = (nodeId: string, change: object = {}) =>
      served.controller.controllerPublishVolume({ volumeId, nodeId, volumeCapability: capability, ...change });
    expect((await attach("n1")).publishContext).toEqual({ slot: "n1" });
    expect((await attach("n1")).publishContext).toEqual({ slot: "n1" });
    expect(await statusOf(attach("n1", { readonly: true }))).toBe("ALREADY_EXISTS");
    await expect(attach("n2")).rejects.toThrow("n1");
    expect(await statusOf(attach("n2"))).toBe("FAILED_PRECONDITION");
    expect(await statusOf(served.controller.deleteVolume({ volumeId }))).toBe("FAILED_PRECONDITION");
    expect(
      await statusOf(
        served.controller.controllerPublishVolume({ volumeId: "x", nodeId: "n1", volumeCapability: capability }),
      ),
    ).toBe("NOT_FOUND");
    await served.controller.controllerUnpublishVolume({ volumeId, nodeId: "n1" });
    await served.controller.controllerUnpublishVolume({ volumeId: "gone", nodeId: "n1" });
    expect((await attach("n2")).publishContext).toEqual({ slot: "n2" });
    await served.controller.controllerUnpublishVolume({ volumeId });
    await served.controller.deleteVolume({ volumeId });
    await served.controller.deleteVolume({ volumeId });
    expect(calls).toEqual(["create a", "detach n1", "detach ", "delete id-a"]);
  });

  it("grows, if it must, and only while it is not published to anything", async () => {
    const { driver, calls, state } = countingDriver();
    await using served = await serveDriver(driver);
    const volumeId = await withVolume(served);
    const expand = (requiredBytes: bigint, limitBytes = 0n) =>
      served.controller.controllerExpandVolume({ volumeId, capacityRange: { requiredBytes, limitBytes } });
    expect((await expand(50n)).capacityBytes).toBe(100n);
    expect(await statusOf(expand(50n, 60n))).toBe("OUT_OF_RANGE");
    expect((await expand(200n)).capacityBytes).toBe(200n);
    expect((await expand(200n)).capacityBytes).toBe(200n);
    await served.controller.controllerPublishVolume({ volumeId, nodeId: "n", volumeCapability: capability });
    expect(await statusOf(expand(300n))).toBe("FAILED_PRECONDITION");
    expect(calls).toEqual(["create a", 'expand {"made":1}']);
    expect(await state.get("volume", volumeId)).toMatchObject({ response: { volume: { capacityBytes: "200" } } });
    const modified = { volumeId, mutableParameters: { iops: "3" } };
    await served.controller.controllerModifyVolume(modified);
    expect(await state.get("volume", volumeId)).toMatchObject({ request: { mutableParameters: { iops: "3" } } });
  });

  it("is validated from features and what was asked for", async () => {
    const { driver } = countingDriver();
    await using served = await serveDriver(driver);
    const volumeId = await withVolume(served);
    const validate = (change: object) =>
      served.controller.validateVolumeCapabilities({ volumeId, volumeCapabilities: [capability], ...change });
    expect((await validate({})).confirmed?.volumeCapabilities).toHaveLength(1);
    const block = { accessType: { case: "block", value: {} }, accessMode: capability.accessMode };
    expect(await validate({ volumeCapabilities: [block] })).toMatchObject({
      message: expect.stringContaining("block"),
    });
    expect((await validate({ parameters: { tier: "silver" } })).confirmed).toBeUndefined();
    expect(await statusOf(validate({ volumeId: "x" }))).toBe("NOT_FOUND");
  });
});

describe("a failing driver", () => {
  it.each([
    [() => csiError("EXHAUSTED", "no room"), "RESOURCE_EXHAUSTED"],
    [() => new Error("boom"), "INTERNAL"],
    [() => Object.assign(new Error("slow"), { code: "ETIMEDOUT" }), "UNAVAILABLE"],
    [() => new DOMException("late", "TimeoutError"), "UNAVAILABLE"],
    [
      () => new Error("fetch failed", { cause: Object.assign(new Error("no"), { code: "ECONNREFUSED" }) }),
      "UNAVAILABLE",
    ],
    [() => csiError("TIMEOUT", ""), "DEADLINE_EXCEEDED"],
  ] as const)("never gives a final status to what may be at work: %#", async (make, status) => {
    const { driver } = countingDriver({
      createVolume: async () => {
        throw make();
      },
    });
    await using served = await serveDriver(driver);
    const failed = served.controller.createVolume(created);
    await expect(failed).rejects.toThrow(/\w/);
    expect(await statusOf(failed)).toBe(status);
  });

  it.each([
    [{ volume: {} }, "volume.volume_id is missing"],
    [{}, "volume is missing"],
    [{ volume: { volumeId: "x".repeat(129) } }, "129 bytes, 128 are allowed"],
    [{ volume: { volumeId: "x", capacityBytes: 1n } }, "outside of the range"],
  ])("is told that its answer is wrong: %#", async (answer, message) => {
    const { driver, state } = countingDriver({ createVolume: async () => answer });
    await using served = await serveDriver(driver);
    const wrong = served.controller.createVolume({ ...created, capacityRange: { requiredBytes: 5n, limitBytes: 0n } });
    await expect(wrong).rejects.toThrow(message);
    expect(await statusOf(wrong)).toBe("INTERNAL");
    expect(state.size("volume")).toBe(0);
  });
});
