import { KxError } from "@kx/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAddress, readLink, readRoutes } from "../rtnl/read.ts";
import { type Attribute, attributesOf, bytes, nest, readAttributes, string, u32 } from "./attributes.ts";
import { encodeMessages, readMessages, readVerdict } from "./message.ts";

const message = (attributes: readonly Attribute[], header = new Uint8Array(16)) => ({
  type: 16,
  flags: 0,
  header,
  attributes,
});
const leaf = fc
  .tuple(fc.integer({ min: 1, max: 200 }), fc.uint8Array({ maxLength: 40 }))
  .map(([type, value]) => bytes(type, value));
const tree: fc.Arbitrary<readonly Attribute[]> = fc.array(
  fc.oneof(
    leaf,
    fc
      .tuple(fc.integer({ min: 1, max: 200 }), fc.array(leaf, { maxLength: 4 }))
      .map(([type, list]) => nest(type, list)),
  ),
  { maxLength: 6 },
);

describe("netlink messages", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(fc.array(tree, { minLength: 1, maxLength: 4 }), (trees) => {
        const read = [
          ...readMessages(
            encodeMessages(
              trees.map((one) => message(one)),
              7,
            ),
          ),
        ];
        expect(read.map(({ sequence }) => sequence)).toEqual(trees.map((_, index) => 7 + index));
        for (const [index, one] of trees.entries()) {
          const attributes = [...readAttributes(read[index]?.payload.subarray(16) ?? new Uint8Array(0))];
          expect(attributes.map(({ type }) => type)).toEqual(one.map(({ type }) => type));
          for (const [at, { value }] of one.entries()) {
            const found = attributes[at];
            if (value instanceof Uint8Array) expect(found?.bytes).toEqual(value);
            else expect(found?.list.map((each) => each.bytes)).toEqual(value.map((each) => each.value));
          }
        }
      }),
    );
  });

  it("are read from any bytes without a fault of ours: to an end, or a refusal", () => {
    const whole = encodeMessages([message([string(3, "eth0"), nest(18, [string(1, "veth")]), u32(4, 1500)])], 1);
    const damaged = fc
      .tuple(
        fc.array(fc.tuple(fc.nat({ max: whole.byteLength - 1 }), fc.nat({ max: 255 })), { maxLength: 6 }),
        fc.nat({ max: whole.byteLength }),
      )
      .map(([changes, length]) => {
        const out = whole.slice(0, length);
        for (const [at, value] of changes) if (at < out.byteLength) out[at] = value;
        return out;
      });
    let refused = 0;
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), (datagram) => {
        try {
          for (const one of readMessages(datagram)) {
            readVerdict(one);
            readLink(one);
            readAddress(one);
            readRoutes(one);
          }
        } catch (error) {
          expect(KxError.is(error) && error.code).toBe("KX_CNI_NETLINK_MESSAGE");
          refused++;
        }
      }),
      { numRuns: 5000 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it("do not go on for ever at a message or attribute of length 0", () => {
    expect(() => [...readMessages(new Uint8Array(64))]).toThrow("KX_CNI_NETLINK_MESSAGE");
    expect(() => attributesOf(new Uint8Array(64))).toThrow("KX_CNI_NETLINK_MESSAGE");
  });

  it("are not written with an attribute too long for its length", () => {
    expect(() => encodeMessages([message([bytes(1, new Uint8Array(70_000))])], 1)).toThrow("over 65535");
  });

  it("tell errors with the kernel's reason, after a header or a whole message", () => {
    const reason = encodeMessages([message([string(1, "because")], new Uint8Array(0))], 1).subarray(16);
    const verdict = (flags: number, repeated: Uint8Array) => {
      const payload = new Uint8Array([0xef, 0xff, 0xff, 0xff, ...repeated, ...reason]);
      return readVerdict({ type: 2, flags, sequence: 1, payload });
    };
    const whole = encodeMessages([message([string(3, "eth0")])], 1);
    expect(verdict(0x300, whole.subarray(0, 16))).toEqual({ errno: 17, reason: "because" });
    expect(verdict(0x200, whole)).toEqual({ errno: 17, reason: "because" });
    expect(verdict(0, whole)).toEqual({ errno: 17, reason: undefined });
  });
});
