import * as fc from "fast-check";
import { expect, it } from "vitest";
import { backoffMs } from "./backoff.ts";

it("doubles up to its most, between a half and the whole by chance", () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), random, (failures, chance) => {
      const ms = backoffMs(failures, { baseMs: 100, maxMs: 5000, random: () => chance });
      const full = Math.min(5000, 100 * 2 ** (failures - 1));
      expect(ms).toBeGreaterThanOrEqual(full / 2);
      expect(ms).toBeLessThanOrEqual(full);
    }),
  );
  expect([1, 2, 3, 20].map((failures) => backoffMs(failures, { random: () => 0 }))).toEqual([250, 500, 1000, 15_000]);
});
