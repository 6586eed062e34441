import { AccessMode } from "@kx/core/contracts/csi";
import { describe, expect, it, vi } from "vitest";
import { memoryState } from "../../test/support/memory-state.ts";
import { type ServedDriver, serveDriver, statusOf } from "../../test/support/serve-driver.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { defineCsiDriver } from "./define-csi-driver.ts";

const volumeCapabilities = [
  { accessType: { case: "mount", value: {} } as const, accessMode: { mode: AccessMode.SINGLE_NODE_WRITER } },
];
const request = { name: "a", volumeCapabilities };
const patience = { timeout: 20_000 };

/** A driver whose creating call waits until it is told how to end. */
function slowDriver(state?: CsiDriverDefinition["state"]) {
  const pending: { end(): void; fail(error: Error): void; readonly signal: AbortSignal }[] = [];
  const definition: CsiDriverDefinition = {
    name: "slow.csi.kx.dev",
    ...(state === undefined ? {} : { state }),
    validateVolumeCapabilities: async () => ({}),
    async createVolume({ name }, { signal }) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      pending.push({ end: resolve, fail: reject, signal });
      await promise;
      return { volume: { volumeId: `id-${name}` } };
    },
    deleteVolume: async () => undefined,
  };
  return { pending, driver: defineCsiDriver<CsiDriverDefinition>(definition) };
}

/** Calls until the driver is at work on it; the caller gives up each time. */
async function giveUp(served: ServedDriver, pending: readonly unknown[]): Promise<void> {
  const startMs = Date.now();
  while (pending.length === 0 && Date.now() - startMs < patience.timeout) {
    expect(await statusOf(served.controller.createVolume(request, { timeoutMs: 200 }))).toBe("DEADLINE_EXCEEDED");
  }
  expect(pending).toHaveLength(1);
}

describe("a call whose caller gave up", () => {
  it.each(["OK", "INTERNAL"])("goes on, keeps others out, and gives its outcome to the retry: %s", async (outcome) => {
    const { pending, driver } = slowDriver();
    await using served = await serveDriver(driver);
    await giveUp(served, pending);
    const other = { ...request, parameters: { tier: "gold" } };
    expect(await statusOf(served.controller.createVolume(other))).toBe("ABORTED");
    expect(pending[0]?.signal.aborted).toBe(false);
    // Whether it comes while the call is at work or after that, it is the same call.
    const retry = statusOf(served.controller.createVolume(request));
    if (outcome === "OK") pending[0]?.end();
    else pending[0]?.fail(new Error("the backend is gone"));
    expect(await retry).toBe(outcome);
    expect(pending).toHaveLength(1);
  });

  it("is there for a retry, in the state, for good", async () => {
    const state = memoryState();
    const { pending, driver } = slowDriver(state);
    await using served = await serveDriver(driver);
    await giveUp(served, pending);
    pending[0]?.end();
    await vi.waitFor(() => expect(state.size("volume")).toBe(1), patience);
    for (let tries = 0; tries < 3; tries++) {
      await vi.waitFor(async () => {
        expect((await served.controller.createVolume(request)).volume?.volumeId).toBe("id-a");
      }, patience);
    }
    expect(pending).toHaveLength(1);
  });

  it("is ended by the driver's shutdown alone", async () => {
    const { pending, driver } = slowDriver(memoryState());
    await using served = await serveDriver(driver);
    const call = statusOf(served.controller.createVolume(request));
    await vi.waitFor(() => expect(pending).toHaveLength(1), patience);
    const stopping = served.running.stop();
    expect(await statusOf(served.controller.createVolume({ ...request, name: "b" }))).toBe("UNAVAILABLE");
    expect(pending[0]?.signal.aborted).toBe(false);
    pending[0]?.end();
    expect(await call).toBe("OK");
    expect(await stopping).toEqual({ unfinished: [] });
  });
});
