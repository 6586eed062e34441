import { BlockList, isIPv4, isIPv6 } from "node:net";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addToIp,
  type Cidr,
  cidrContains,
  cidrOf,
  cidrSize,
  cidrsOverlap,
  compareIps,
  firstUsableIp,
  formatCidr,
  formatIp,
  type Ip,
  ipBits,
  ipsBetween,
  lastIp,
  lastUsableIp,
  parseCidr,
  parseIp,
  parseIpInCidr,
  splitCidr,
} from "./index.ts";

const ip4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value): Ip => ({ family: 4, value }));
// Whole random numbers have hardly ever a run of zeros; numbers of few groups have.
const ip6 = fc
  .array(fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 0xffffn })), { minLength: 8, maxLength: 8 })
  .map((groups): Ip => ({ family: 6, value: groups.reduce((sum, group) => (sum << 16n) | group, 0n) }));
const ip = fc.oneof(ip4, ip6);
const cidr = ip.chain((one) => fc.nat({ max: ipBits(one.family) }).map((prefix) => cidrOf(one, prefix)));

describe("parseIp", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
    ["0:0:0:0:0:ffff:c000:0201", "::ffff:192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["fe80:0::", "fe80::"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ])("reads %s as %s", (text, canonical) => {
    expect(formatIp(parseIp(text))).toBe(canonical);
  });

  it.each([
    "010.0.0.1",
    "10.0.0.01",
    "0x0a.0.0.1",
    "10.0.0",
    "10.0.0.0.0",
    "10.0.0.256",
    "10.0.0.1 ",
    "167772161",
    "+1.2.3.4",
    "1e1.0.0.1",
    "",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "1:2:3:4:5:6:7",
    "12345::",
    "fe80::1%eth0",
    "::1.2.3",
    "1.2.3.4::",
    "::01.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4",
    "[::1]",
    "::/0",
    "１.2.3.4",
    `::${"0".repeat(60)}`,
  ])("refuses %j", (text) => {
    expect(() => parseIp(text)).toThrow(/^\[KX_UNITS_IP\]/);
  });

  it("says what is wrong with an octal number", () => {
    expect(() => parseIp("010.0.0.1")).toThrow("without leading zeros");
  });

  it("accepts what Node accepts, but for zones, of any text near an address", () => {
    const near = fc
      .tuple(ip, fc.nat({ max: 40 }), fc.nat({ max: 2 }), fc.stringMatching(/^[0-9a-g:.%/ ]{0,3}$/))
      .map(([one, at, cut, put]) => formatIp(one).slice(0, at) + put + formatIp(one).slice(at + cut));
    fc.assert(
      fc.property(near, (text) => {
        let accepted = true;
        try {
          parseIp(text);
        } catch {
          accepted = false;
        }
        expect(accepted).toBe((isIPv4(text) || isIPv6(text)) && !text.includes("%"));
      }),
      { numRuns: 3000 },
    );
  });

  it("reads back what formatIp writes, which is what URLs write too", () => {
    fc.assert(
      fc.property(ip, (one) => {
        expect(parseIp(formatIp(one))).toEqual(one);
        if (one.family === 6 && one.value >> 32n !== 0xffffn) {
          expect(new URL(`http://[${formatIp(one)}]`).hostname).toBe(`[${formatIp(one)}]`);
        }
      }),
    );
  });
});

describe("addToIp and compareIps", () => {
  it("count and order, and end at the ends", () => {
    expect(formatIp(addToIp(parseIp("10.0.0.255"), 1n))).toBe("10.0.1.0");
    expect(() => addToIp(parseIp("255.255.255.255"), 1n)).toThrow("KX_UNITS_IP_RANGE");
    expect(() => addToIp(parseIp("::"), -1n)).toThrow("KX_UNITS_IP_RANGE");
    const sorted = ["10.0.0.10", "10.0.0.9", "::1", "255.0.0.0"].map(parseIp).toSorted(compareIps).map(formatIp);
    expect(sorted).toEqual(["10.0.0.9", "10.0.0.10", "255.0.0.0", "::1"]);
  });
});

describe("ranges", () => {
  it("are read strictly", () => {
    expect(formatCidr(parseCidr("FD00::/64"))).toBe("fd00::/64");
    expect(parseCidr("0.0.0.0/0").prefix).toBe(0);
    for (const text of [
      "10.0.0.0",
      "10.0.0.0/",
      "10.0.0.0/33",
      "10.0.0.0/08",
      "::/129",
      "10.0.0.0/-1",
      "/8",
      "a/8",
      "10.0.0.0/8/8",
    ]) {
      expect(() => parseCidr(text), text).toThrow(/^\[KX_UNITS_CIDR\]/);
    }
    expect(() => parseCidr("10.1.2.3/16")).toThrow("write 10.1.0.0/16");
    expect(parseIpInCidr("10.1.2.3/16")).toEqual({ ip: parseIp("10.1.2.3"), cidr: parseCidr("10.1.0.0/16") });
  });

  it.each([
    ["10.0.0.0/24", "10.0.0.1", "10.0.0.254", "10.0.0.255", 256n],
    ["10.0.0.0/31", "10.0.0.0", "10.0.0.1", "10.0.0.1", 2n],
    ["10.0.0.7/32", "10.0.0.7", "10.0.0.7", "10.0.0.7", 1n],
    ["fd00::/64", "fd00::1", "fd00::ffff:ffff:ffff:ffff", "fd00::ffff:ffff:ffff:ffff", 2n ** 64n],
    ["fd00::/127", "fd00::", "fd00::1", "fd00::1", 2n],
  ])("%s has usable addresses from %s to %s, ends at %s and has %d", (text, first, lastUsable, last, size) => {
    const range = parseCidr(text);
    expect(formatIp(firstUsableIp(range))).toBe(first);
    expect(formatIp(lastUsableIp(range))).toBe(lastUsable);
    expect(formatIp(lastIp(range))).toBe(last);
    expect(cidrSize(range)).toBe(size);
  });

  it("contain exactly the addresses between their first and last, as Node's block lists do", () => {
    fc.assert(
      fc.property(cidr, ip, (range, other) => {
        const isBetween =
          range.base.family === other.family && range.base.value <= other.value && other.value <= lastIp(range).value;
        expect(cidrContains(range, other)).toBe(isBetween);
        expect(cidrContains(range, lastIp(range))).toBe(true);
        const list = new BlockList();
        const family = (one: Ip) => `ipv${one.family}` as const;
        if (range.prefix > 0) {
          list.addSubnet(formatIp(range.base), range.prefix, family(range.base));
          if (range.base.family === other.family) expect(list.check(formatIp(other), family(other))).toBe(isBetween);
        }
      }),
    );
  });

  it("overlap if and only if one contains the other's first address", () => {
    const pair = cidr.chain((a) => {
      const prefix = fc.nat({ max: ipBits(a.base.family) });
      // Near each other, or hardly any two would overlap.
      const near = prefix.map((length) => cidrOf(a.base, length));
      return fc.tuple(fc.constant(a), fc.oneof(near, cidr));
    });
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const expected = cidrContains(a, b.base) || cidrContains(b, a.base);
        expect(cidrsOverlap(a, b)).toBe(expected);
        expect(cidrsOverlap(b, a)).toBe(expected);
      }),
    );
  });

  it("split into ranges that follow one another and fill them", () => {
    fc.assert(
      fc.property(cidr, fc.nat({ max: 6 }), (range, more) => {
        const prefix = Math.min(range.prefix + more, ipBits(range.base.family));
        const parts: readonly Cidr[] = [...splitCidr(range, prefix)];
        expect(parts).toHaveLength(2 ** (prefix - range.prefix));
        expect(parts[0]?.base).toEqual(range.base);
        for (const [index, part] of parts.entries()) {
          const end = parts[index + 1]?.base.value ?? lastIp(range).value + 1n;
          expect(lastIp(part).value + 1n).toBe(end);
        }
      }),
    );
    expect(splitCidr(parseCidr("::/0"), 128).next().value).toEqual(parseCidr("::/128"));
    for (const prefix of [15, 33, 16.5])
      expect(() => splitCidr(parseCidr("10.1.0.0/16"), prefix)).toThrow("KX_UNITS_IP_RANGE");
  });

  it("are walked to their end or the limit", () => {
    const walk = (first: string, last: string, limit: number) =>
      [...ipsBetween(parseIp(first), parseIp(last), limit)].map(formatIp);
    expect(walk("10.0.0.254", "10.0.1.1", 9)).toEqual(["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]);
    expect(walk("255.255.255.254", "255.255.255.255", 9)).toHaveLength(2);
    expect(walk("::", "ffff::", 3)).toEqual(["::", "::1", "::2"]);
    expect(walk("10.0.0.2", "10.0.0.1", 9)).toEqual([]);
    expect(walk("10.0.0.2", "::1", 9)).toEqual([]);
  });
});
