import * as fc from "fast-check";
import { expect, it } from "vitest";
import { parseRange } from "./byte-range.ts";

it.each([
  [undefined, 10, "whole"],
  ["bytes=0-3", 10, { start: 0, end: 3 }],
  ["bytes=4-", 10, { start: 4, end: 9 }],
  ["bytes=4-99", 10, { start: 4, end: 9 }],
  ["bytes=-3", 10, { start: 7, end: 9 }],
  ["bytes=-30", 10, { start: 0, end: 9 }],
  ["bytes=10-", 10, "unsatisfiable"],
  ["bytes=-0", 10, "unsatisfiable"],
  ["bytes=0-", 0, "unsatisfiable"],
  ["bytes=3-2", 10, "whole"],
  ["bytes=0-1,3-4", 10, "whole"],
  ["bytes=-", 10, "whole"],
  ["lines=0-1", 10, "whole"],
])("parses %s of %d bytes", (header, size, range) => {
  expect(parseRange(header, size)).toEqual(range);
});

it("never leaves the content", () => {
  const part = fc.oneof(fc.constant(""), fc.nat(30).map(String));
  fc.assert(
    fc.property(part, part, fc.nat(20), (first, last, size) => {
      const range = parseRange(`bytes=${first}-${last}`, size);
      if (typeof range === "string") return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.start).toBeLessThanOrEqual(range.end);
      expect(range.end).toBeLessThan(size);
    }),
  );
});
