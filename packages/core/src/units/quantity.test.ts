import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareQuantities, formatQuantity, parseQuantity, type Quantity } from "./index.ts";

const canonical = (text: string) => formatQuantity(parseQuantity(text));
const quantities = fc.record<Quantity>({
  nanos: fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }),
  format: fc.constantFrom("decimal", "binary", "exponent"),
});

describe("quantities", () => {
  it.each([
    ["100m", "100m"],
    ["1000m", "1"],
    ["0.5", "500m"],
    ["1.5Gi", "1536Mi"],
    ["1Gi", "1Gi"],
    ["1024Mi", "1Gi"],
    ["0.1Gi", "107374182400m"],
    ["512Ki", "512Ki"],
    ["0.5Ki", "512"],
    ["1e3", "1e3"],
    ["12e2", "1200"],
    ["1.2E4", "12e3"],
    ["1E", "1E"],
    ["3.u", "3u"],
    ["-.5k", "-500"],
    ["0n", "0"],
    ["0.1n", "1n"],
    ["-1e-12", "-1e-9"],
    ["9Ei", "9223372036854775807"],
    ["1000000E", "1000000E"],
    ["+1M", "1M"],
  ])("writes %s as %s", (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  it.each(["", "m", ".", "1 Gi", "1K", "1gi", "1KiB", "1e", "1e1.5", "0x10", "1e9999", "1".repeat(200), "1,5"])(
    "refuses %j",
    (text) => {
      expect(() => parseQuantity(text)).toThrow(/^\[KX_UNITS_QUANTITY\]/);
    },
  );

  it("keeps the exact amount through its canonical text, which is its own canonical text", () => {
    fc.assert(
      fc.property(quantities, (quantity) => {
        const text = formatQuantity(quantity);
        expect(compareQuantities(parseQuantity(text), quantity)).toBe(0);
        expect(canonical(text)).toBe(text);
        expect(text).not.toContain(".");
      }),
    );
  });

  it("are ordered as their amounts, however written", () => {
    expect(compareQuantities(parseQuantity("1Gi"), parseQuantity("1G"))).toBeGreaterThan(0);
    expect(compareQuantities(parseQuantity("1000m"), parseQuantity("1"))).toBe(0);
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), (a, b) => {
        const sign = a < b ? -1 : a > b ? 1 : 0;
        expect(compareQuantities({ nanos: a, format: "decimal" }, { nanos: b, format: "binary" })).toBe(sign);
      }),
    );
  });
});
