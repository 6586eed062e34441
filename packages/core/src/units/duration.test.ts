import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatAge, formatDuration, parseDuration } from "./index.ts";

describe("parseDuration", () => {
  it.each([
    ["0", 0],
    ["300ms", 300],
    ["1h30m", 5_400_000],
    ["-1.5s", -1500],
    ["+2m", 120_000],
    ["1m0.5s", 60_500],
    [".5us", 0.0005],
    ["1µs1ns", 0.001001],
  ])("reads %s as %d ms", (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms, 9);
  });

  it.each(["", "10", "1 s", "s", "1d", "1h-5m", "--1s", "1e3s", "Infinity", `${"1".repeat(80)}s`])(
    "refuses %j",
    (text) => {
      expect(() => parseDuration(text)).toThrow(/^\[KX_UNITS_DURATION\]/);
    },
  );

  it("reads back what formatDuration writes, to the nanosecond", () => {
    // Beyond about 50 days a number of milliseconds no longer holds single nanoseconds.
    fc.assert(
      fc.property(fc.integer({ min: -4e15, max: 4e15 }), (nanos) => {
        const ms = nanos / 1e6;
        expect(Math.round(parseDuration(formatDuration(ms)) * 1e6)).toBe(nanos);
      }),
    );
  });
});

describe("formatDuration", () => {
  it.each([
    [0, "0s"],
    [5_400_000, "1h30m0s"],
    [-1500, "-1.5s"],
    [300, "300ms"],
    [0.0015, "1.5µs"],
    [0.000007, "7ns"],
    [60_000, "1m0s"],
    [999.9999999, "1s"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe("formatAge", () => {
  const s = 1000;
  const m = 60 * s;
  const h = 60 * m;
  const d = 24 * h;
  it.each([
    [-5 * s, "<invalid>"],
    [-1 * s, "0s"],
    [0, "0s"],
    [119 * s, "119s"],
    [2 * m, "2m"],
    [5 * m + 3 * s, "5m3s"],
    [179 * m, "179m"],
    [3 * h, "3h"],
    [7 * h + 59 * m, "7h59m"],
    [47 * h, "47h"],
    [3 * d + 2 * h, "3d2h"],
    [8 * d + 2 * h, "8d"],
    [729 * d, "729d"],
    [744 * d, "2y14d"],
    [3000 * d, "8y"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });
});
