import { describe, expect, it } from "vitest";
import { eventually } from "./eventually.ts";

describe("eventually", () => {
  it("returns the first value that counts, past errors", async () => {
    const values = [
      () => undefined,
      () => false as const,
      () => {
        throw new Error("not yet");
      },
      () => "here",
    ];
    expect(await eventually(() => values.shift()?.(), { describe: "a value", intervalMs: 1 })).toBe("here");
  });

  it("shows the last error when time is up", async () => {
    const never = eventually(
      () => {
        throw new Error("pod is Pending");
      },
      { describe: "a running pod", timeoutMs: 5, intervalMs: 1 },
    );
    await expect(never).rejects.toThrow(
      "[KX_TESTING_TIMEOUT] not within 5 ms: a running pod; last error: pod is Pending",
    );
  });
});
