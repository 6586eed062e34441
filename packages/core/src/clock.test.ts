import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { sleep, systemClock } from "./clock.ts";

describe("sleep", () => {
  it("leaves no listener on a long-lived signal", async () => {
    const { signal } = new AbortController();
    for (let i = 0; i < 20; i++) await sleep(0, signal);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("rejects with the signal's own reason, before and during the wait", async () => {
    const reason = new Error("no longer wanted");
    await expect(sleep(1e9, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleeping = systemClock.sleep(1e9, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("does not wake at once from a sleep longer than a timer can be", async () => {
    const controller = new AbortController();
    let woken = false;
    const sleeping = sleep(2 ** 40, controller.signal).then(() => {
      woken = true;
    });
    await sleep(20);
    expect(woken).toBe(false);
    controller.abort();
    await expect(sleeping).rejects.toThrow();
  });
});
