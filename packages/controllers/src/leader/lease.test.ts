import { describe, expect, it } from "vitest";
import { microTime, observe, planLease, releasedSpec } from "./lease.ts";

const now = Date.UTC(2000, 0, 1, 0, 0, 0, 5);
const held = { holderIdentity: "b", leaseDurationSeconds: 15, renewTime: "x", leaseTransitions: 3, acquireTime: "y" };

describe("planLease", () => {
  it("takes a lease that nobody has made", () => {
    const time = "2000-01-01T00:00:00.005000Z";
    expect(planLease(undefined, "a", 15_000, now)).toEqual({
      do: "write",
      spec: {
        holderIdentity: "a",
        leaseDurationSeconds: 15,
        renewTime: time,
        acquireTime: time,
        leaseTransitions: 0,
      },
    });
  });

  it("renews its own, and keeps when it was acquired", () => {
    const step = planLease({ spec: { ...held, holderIdentity: "a" }, atMs: 0 }, "a", 15_000, now);
    expect(step).toMatchObject({ do: "write", spec: { acquireTime: "y", leaseTransitions: 3, holderIdentity: "a" } });
  });

  it.each([
    [0, "wait"],
    [14_999, "wait"],
    [15_000, "write"],
  ])("after %i ms without a sign of life of another: %s", (ms, expected) => {
    expect(planLease({ spec: held, atMs: now - ms }, "a", 15_000, now).do).toBe(expected);
  });

  it("counts the change of holder", () => {
    const step = planLease({ spec: held, atMs: 0 }, "a", 15_000, now);
    expect(step).toMatchObject({ spec: { holderIdentity: "a", leaseTransitions: 4 } });
  });

  it("takes at once what was given back", () => {
    const spec = releasedSpec(held, now);
    expect(spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
    expect(planLease({ spec, atMs: now }, "a", 15_000, now).do).toBe("write");
  });
});

describe("observe", () => {
  it("takes only a change for a sign of life, whatever the times in the lease are", () => {
    const first = observe(undefined, held, 1);
    expect(observe(first, { ...held }, 2)).toBe(first);
    expect(observe(first, { ...held, renewTime: "z" }, 2).atMs).toBe(2);
  });
});

describe("microTime", () => {
  it("has six digits", () => {
    expect(microTime(Date.UTC(2026, 1, 3, 4, 5, 6, 70))).toBe("2026-02-03T04:05:06.070000Z");
  });
});
