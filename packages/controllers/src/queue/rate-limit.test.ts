import { fakeClock } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { bucketLimiter, exponentialLimiter, maxOfLimiters } from "./rate-limit.ts";

describe("rate limiters", () => {
  it("double from 5 ms to 1000 s", () => {
    const limiter = exponentialLimiter();
    const waits = Array.from({ length: 19 }, () => limiter.whenMs("a"));
    expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(waits.at(-1)).toBe(1_000_000);
    expect(limiter.whenMs("b")).toBe(5);
  });

  it("let a burst through, then so many a second", async () => {
    const clock = fakeClock();
    const limiter = bucketLimiter({ qps: 50, burst: 3 }, clock);
    expect(Array.from({ length: 5 }, () => limiter.whenMs("a"))).toEqual([0, 0, 0, 20, 40]);
    await clock.advance(1000);
    expect(limiter.whenMs("a")).toBe(0);
  });

  it("take the longest wait", () => {
    const limiter = maxOfLimiters(exponentialLimiter(), bucketLimiter({ qps: 1, burst: 1 }, fakeClock()));
    expect([limiter.whenMs("a"), limiter.whenMs("a")]).toEqual([5, 1000]);
    limiter.forget("a");
    expect(limiter.whenMs("b")).toBe(2000);
  });
});
