import type { IpRange } from "@kx/core/contracts/cni";
import { formatIp } from "@kx/core/units";
import { describe, expect, it } from "vitest";
import { poolSize, rangeHolds, rangesOverlap, readAddress, readRange } from "./address-range.ts";

function read(config: IpRange) {
  const problems: string[] = [];
  const range = readRange(config, (problem) => problems.push(problem));
  return { range, problems };
}

function rangeOf(config: IpRange) {
  const { range, problems } = read(config);
  if (range === undefined) throw new Error(problems.join());
  return range;
}

const ipOf = (text: string) => {
  const ip = readAddress(text);
  if (ip === undefined) throw new Error(text);
  return ip;
};

describe("a range", () => {
  it.each([
    ["192.0.2.0/24", "192.0.2.1", "192.0.2.254", "192.0.2.1"],
    ["192.0.2.0/25", "192.0.2.1", "192.0.2.126", "192.0.2.1"],
    ["192.0.2.4/30", "192.0.2.5", "192.0.2.6", "192.0.2.5"],
    ["2001:DB8:1::/64", "2001:db8:1::1", "2001:db8:1:0:ffff:ffff:ffff:ffff", "2001:db8:1::1"],
    ["fd00::4/126", "fd00::5", "fd00::7", "fd00::5"],
  ])("of %s is from %s to %s with the gateway %s", (subnet, start, end, gateway) => {
    const range = rangeOf({ subnet });
    expect([range.start, range.end, range.gateway].map(formatIp)).toEqual([start, end, gateway]);
  });

  it("has what its configuration says, also where Go writes an empty text for nothing, or an IPv4 address as IPv6", () => {
    const range = rangeOf({
      subnet: "192.0.2.0/24",
      rangeStart: "192.0.2.40",
      rangeEnd: "::ffff:192.0.2.50",
      gateway: "198.51.100.1",
    });
    expect([range.start, range.end, range.gateway].map(formatIp)).toEqual(["192.0.2.40", "192.0.2.50", "198.51.100.1"]);
    expect(rangeOf({ subnet: "192.0.2.0/24", rangeStart: "", rangeEnd: "", gateway: "" })).toEqual(
      rangeOf({ subnet: "192.0.2.0/24" }),
    );
  });

  it.each<[IpRange, string]>([
    [{ subnet: "192.0.2.12/24" }, "subnet 192.0.2.12/24 has host bits set: the network is 192.0.2.0/24"],
    [{ subnet: "192.168.127.0/23" }, "subnet 192.168.127.0/23 has host bits set: the network is 192.168.126.0/23"],
    [
      { subnet: "2001:DB8:1::24:19ff:fee1:c44a/64" },
      "subnet 2001:DB8:1::24:19ff:fee1:c44a/64 has host bits set: the network is 2001:db8:1::/64",
    ],
    [
      { subnet: "2001:DB8:24:19ff::/63" },
      "subnet 2001:DB8:24:19ff::/63 has host bits set: the network is 2001:db8:24:19fe::/63",
    ],
    [{ subnet: "192.0.2.0/31" }, "subnet 192.0.2.0/31 is too small: the smallest is a /30"],
    [{ subnet: "192.0.2.0/32" }, "subnet 192.0.2.0/32 is too small: the smallest is a /30"],
    [{ subnet: "fd00::/127" }, "subnet fd00::/127 is too small: the smallest is a /126"],
    [{ subnet: "::ffff:10.1.0.0/112" }, "subnet ::ffff:10.1.0.0/112 is an IPv4 network: write it as one"],
    [{ subnet: "10.1.0.0" }, 'subnet "10.1.0.0" is no network such as 10.1.0.0/16'],
    [{ subnet: "" }, 'subnet "" is no network such as 10.1.0.0/16'],
    [{ subnet: "192.0.2.0/24", rangeStart: "192.0.3.0" }, "rangeStart 192.0.3.0 is not in 192.0.2.0/24"],
    [{ subnet: "192.0.2.0/24", rangeEnd: "192.0.4.0" }, "rangeEnd 192.0.4.0 is not in 192.0.2.0/24"],
    [{ subnet: "192.0.2.0/24", rangeStart: "fd00::1" }, "rangeStart fd00::1 is of another family than 192.0.2.0/24"],
    [{ subnet: "fd00::/64", gateway: "10.0.0.1" }, "gateway 10.0.0.1 is of another family than fd00::/64"],
    [{ subnet: "192.0.2.0/24", gateway: "here" }, 'gateway "here" is no IP address'],
    [
      { subnet: "192.0.2.0/24", rangeStart: "192.0.2.50", rangeEnd: "192.0.2.40" },
      "rangeEnd 192.0.2.40 is before rangeStart 192.0.2.50",
    ],
  ])("as %j is refused", (config, problem) => {
    expect(read(config)).toEqual({ range: undefined, problems: [problem] });
  });

  it("is refused with everything that is wrong", () => {
    const { problems } = read({ subnet: "192.0.2.0/24", rangeStart: "x", rangeEnd: "10.0.0.1", gateway: "fd00::1" });
    expect(problems).toHaveLength(3);
  });

  it.each([
    [{ subnet: "192.0.2.0/24", rangeStart: "192.0.2.40", rangeEnd: "192.0.2.50" }, "192.0.2.", [39, 40, 50, 51]],
    [{ subnet: "fd00::/64", rangeStart: "fd00::40", rangeEnd: "fd00::50" }, "fd00::", [39, 40, 50, 51]],
  ])("%j holds its first and last address and none beside", (config, prefix, numbers) => {
    const held = numbers.map((number) => rangeHolds(rangeOf(config), ipOf(`${prefix}${number}`)));
    expect(held).toEqual([false, true, true, false]);
    expect(rangeHolds(rangeOf(config), ipOf("203.0.113.45"))).toBe(false);
  });

  it.each<[string, IpRange, IpRange, boolean]>([
    ["apart", { subnet: "10.0.0.0/24" }, { subnet: "10.0.1.0/24" }, false],
    ["of two families", { subnet: "0.0.0.0/24" }, { subnet: "::/24" }, false],
    ["that are the same", { subnet: "10.0.0.0/24" }, { subnet: "10.0.0.0/24" }, true],
    ["of which one holds the other", { subnet: "10.0.0.0/20" }, { subnet: "10.0.1.0/24" }, true],
    [
      "of one subnet that are apart",
      { subnet: "10.0.0.0/24", rangeEnd: "10.0.0.127" },
      { subnet: "10.0.0.0/24", rangeStart: "10.0.0.128" },
      false,
    ],
    [
      "of one subnet that share an address",
      { subnet: "10.0.0.0/24", rangeEnd: "10.0.0.127" },
      { subnet: "10.0.0.0/24", rangeStart: "::ffff:10.0.0.127" },
      true,
    ],
  ])("overlap: two %s", (_what, a, b, expected) => {
    expect(rangesOverlap(rangeOf(a), rangeOf(b))).toBe(expected);
    expect(rangesOverlap(rangeOf(b), rangeOf(a))).toBe(expected);
  });

  it("tells how many addresses containers may get", () => {
    const sizes = [
      { subnet: "10.0.0.0/29" },
      { subnet: "10.0.0.0/29", gateway: "10.0.9.1" },
      { subnet: "10.0.0.0/29", rangeStart: "10.0.0.0", rangeEnd: "10.0.0.7", gateway: "10.0.0.3" },
      { subnet: "10.0.0.0/29", rangeStart: "10.0.0.2", rangeEnd: "10.0.0.2" },
      { subnet: "fd00::/64" },
    ].map((config) => poolSize([rangeOf(config)]));
    expect(sizes).toEqual([5n, 6n, 5n, 1n, 2n ** 64n - 2n]);
  });
});
