import type { JsonObject, PluginConfig } from "@kx/core/contracts/cni";
import { formatIp } from "@kx/core/units";
import { describe, expect, it } from "vitest";
import { formatRanges } from "./address-range.ts";
import type { HostLocalConfig } from "./config.ts";
import { readPool } from "./pool.ts";

interface Written {
  readonly ipam: HostLocalConfig["ipam"];
  readonly cniVersion?: string;
  readonly runtimeConfig?: PluginConfig["runtimeConfig"];
  readonly args?: JsonObject;
  readonly envArgs?: Readonly<Record<string, string>>;
}

function read({ ipam, cniVersion = "0.3.1", envArgs = {}, ...more }: Written) {
  const config = { cniVersion, name: "mynet", type: "ipvlan", ipam, ...more } as PluginConfig & HostLocalConfig;
  const { sets, requested } = readPool(config, envArgs);
  return { sets: sets.map(formatRanges), requested: requested.map(formatIp) };
}

const oldForm = { subnet: "10.1.2.0/24", rangeStart: "10.1.2.9", rangeEnd: "10.1.2.20", gateway: "10.1.2.30" };

describe("the ranges of a configuration", () => {
  it("may be a single one, as it was written once", () => {
    expect(read({ ipam: oldForm }).sets).toEqual(["10.1.2.9-10.1.2.20"]);
  });

  it("are a list of sets", () => {
    const ranges = [[oldForm, { subnet: "10.1.4.0/24" }], [{ subnet: "11.1.2.0/24", rangeStart: "11.1.2.9" }]];
    expect(read({ ipam: { ranges } }).sets).toEqual(["10.1.2.9-10.1.2.20,10.1.4.1-10.1.4.254", "11.1.2.9-11.1.2.254"]);
  });

  it("come from the runtime first, then from the old form, then from the list", () => {
    const ipam = { ...oldForm, ranges: [[{ subnet: "11.1.2.0/24" }]] };
    const runtimeConfig = { ipRanges: [[{ subnet: "12.1.3.0/24", rangeEnd: "" }]] };
    const sets = ["12.1.3.1-12.1.3.254", "10.1.2.9-10.1.2.20", "11.1.2.1-11.1.2.254"];
    expect(read({ ipam, runtimeConfig }).sets).toEqual(sets);
  });

  it.each([
    [{}, /ipam.ranges is missing/],
    [{ ranges: [] }, /ipam.ranges is missing/],
    [{ ranges: [[]] }, /ipam.ranges\[0\] holds no range/],
    [
      {
        ranges: [
          [{ subnet: "10.1.2.0/24" }, { subnet: "10.2.2.0/24" }],
          [{ subnet: "10.1.4.0/24" }, { subnet: "10.1.2.0/24" }],
        ],
      },
      /10\.1\.2\.1-10\.1\.2\.254 of ipam\.ranges\[0\] and 10\.1\.2\.1-10\.1\.2\.254 of ipam\.ranges\[1\] overlap/,
    ],
    [
      { ranges: [[{ subnet: "10.1.0.0/22" }, { subnet: "10.1.2.0/24" }]] },
      /10\.1\.0\.1-10\.1\.3\.254 of ipam\.ranges\[0\] and 10\.1\.2\.1-10\.1\.2\.254 of ipam\.ranges\[0\] overlap/,
    ],
    [{ ranges: [[{ subnet: "10.1.0.0/22" }, { subnet: "2001:db8:5::/64" }]] }, /ipam.ranges\[0\] mixes IPv4 and IPv6/],
    [{ subnet: "10.1.2.0/24", ranges: [[{ subnet: "10.1.2.0/25" }]] }, /of ipam and .* of ipam\.ranges\[0\] overlap/],
    [
      { ranges: [[{ subnet: "10.1.2.0/24", rangeEnd: "10.1.2.1" }]] },
      /ipam\.ranges\[0\] has no address that a container may get/,
    ],
    [{ ranges: [[{ subnet: "10.1.2.0/31" }]] }, /ipam\.ranges\[0\]\[0\]\.subnet 10\.1\.2\.0\/31 is too small/],
  ])("as %j are refused", (ipam, problem) => {
    expect(() => read({ ipam })).toThrow(problem);
  });

  it("are refused with everything that is wrong at once", () => {
    const ranges = [[{ subnet: "10.1.2.1/24" }], [{ subnet: "fd00::/127" }]];
    expect(() => read({ ipam: { ranges }, envArgs: { IP: "x" } })).toThrow(
      /ranges\[0\]\[0\]\.subnet.*; ipam\.ranges\[1\]\[0\]\.subnet.*; IP of CNI_ARGS "x" is no IP address/,
    );
  });

  it.each(["0.1.0", "0.2.0"])("hold one set of each family at most in %s", (cniVersion) => {
    const [four, other, six] = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "11.1.2.0/24" }], [{ subnet: "fd00::/48" }]];
    const tooMany = `CNI version ${cniVersion} does not support more than 1 address per family`;
    expect(() => read({ cniVersion, ipam: { ranges: [four, other] } })).toThrow(tooMany);
    expect(read({ cniVersion, ipam: { ranges: [four, six] } }).sets).toHaveLength(2);
    expect(read({ ipam: { ranges: [four, other] } }).sets).toHaveLength(2);
  });
});

describe("the addresses that are asked for", () => {
  const ipam = { subnet: "10.1.2.0/24" };

  it("may have a prefix length", () => {
    expect(read({ ipam, envArgs: { IP: "10.1.2.10" } }).requested).toEqual(["10.1.2.10"]);
    expect(read({ ipam, envArgs: { IP: "10.1.2.11/24" } }).requested).toEqual(["10.1.2.11"]);
    expect(read({ ipam, envArgs: { IP: "" } }).requested).toEqual([]);
  });

  it("are those of all three places, each once, in one form", () => {
    const args = { cni: { ips: ["10.1.2.11", "11.11.11.11/24", "2001:DB8:1::11", "::ffff:10.1.2.10"] } };
    const runtimeConfig = { ips: ["192.168.0.1", "192.168.0.5/24", "2001:db8::1/64"] };
    expect(read({ ipam, args, runtimeConfig, envArgs: { IP: "10.1.2.10/24" } }).requested).toEqual([
      "10.1.2.10",
      "10.1.2.11",
      "11.11.11.11",
      "2001:db8:1::11",
      "192.168.0.1",
      "192.168.0.5",
      "2001:db8::1",
    ]);
  });

  it.each(["10.1.2", "10.1.2.010", "fe80::1%eth0", "10.1.2.3/1000"])("are refused as %s", (IP) => {
    expect(() => read({ ipam, envArgs: { IP } })).toThrow("is no IP address");
  });
});
