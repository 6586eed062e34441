import type { IpRange } from "@kx/core/contracts/cni";
import { formatIp, type Ip } from "@kx/core/units";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AddressRange, poolSize, type RangeSet, readAddress, readRange } from "./address-range.ts";
import { candidates, type LeaseView, planLeases } from "./plan-leases.ts";

const rangeOf = (config: IpRange): AddressRange => {
  const range = readRange(config, (problem) => {
    throw new Error(problem);
  });
  if (range === undefined) throw new Error(config.subnet);
  return range;
};

const setOf = (...subnets: readonly string[]): RangeSet => subnets.map((subnet) => rangeOf({ subnet }));

const ipOf = (text: string): Ip => {
  const ip = readAddress(text);
  if (ip === undefined) throw new Error(text);
  return ip;
};

interface Situation {
  readonly sets: readonly RangeSet[];
  readonly taken?: readonly string[];
  readonly last?: readonly (string | undefined)[];
  readonly own?: readonly string[];
  readonly requested?: readonly string[];
}

function plan({ sets, taken = [], last = [], own = [], requested = [] }: Situation) {
  const view: LeaseView = {
    isTaken: (ip) => taken.includes(formatIp(ip)),
    lastReserved: (set) => (last[set] === undefined ? undefined : ipOf(last[set])),
    own: own.map(ipOf),
  };
  const { grants, failure } = planLeases({ sets, requested: requested.map(ipOf) }, view);
  return { ips: grants.map(({ ip }) => formatIp(ip)), code: failure?.code, reason: failure?.reason };
}

describe("the search for a free address", () => {
  const order = (set: RangeSet, last?: string) =>
    [...candidates(set, last === undefined ? undefined : ipOf(last))].map(({ ip }) => formatIp(ip).split(".").at(-1));

  it.each([
    [undefined, ["2", "3", "4", "5", "6"]],
    ["192.168.1.6", ["2", "3", "4", "5", "6"]],
    ["192.168.1.3", ["4", "5", "6", "2", "3"]],
    ["192.168.1.1", ["2", "3", "4", "5", "6"]],
    ["192.168.9.3", ["2", "3", "4", "5", "6"]],
    ["fd00::3", ["2", "3", "4", "5", "6"]],
  ])("goes once round the range, from behind %s", (last, expected) => {
    expect(order(setOf("192.168.1.0/29"), last)).toEqual(expected);
  });

  it("goes on into the next range, and comes back to the first", () => {
    const set = [
      rangeOf({ subnet: "10.0.1.0/29", rangeStart: "10.0.1.2", rangeEnd: "10.0.1.3" }),
      rangeOf({ subnet: "10.0.2.0/29", rangeStart: "10.0.2.4", rangeEnd: "10.0.2.5" }),
    ];
    expect(order(set)).toEqual(["2", "3", "4", "5"]);
    expect(order(set, "10.0.1.3")).toEqual(["4", "5", "2", "3"]);
    expect(order(set, "10.0.2.4")).toEqual(["5", "2", "3", "4"]);
  });

  it.each<[readonly string[], readonly string[], string | undefined, string]>([
    [["10.0.0.0/29"], [], undefined, "10.0.0.2"],
    [["2001:db8:1::0/64"], [], undefined, "2001:db8:1::2"],
    [["10.0.0.0/30"], [], undefined, "10.0.0.2"],
    [["10.0.0.0/29"], ["10.0.0.2"], undefined, "10.0.0.3"],
    [["10.0.0.0/29"], [], "10.0.0.5", "10.0.0.6"],
    [["10.0.0.0/29"], ["10.0.0.4", "10.0.0.5"], "10.0.0.3", "10.0.0.6"],
    [["10.0.0.0/29"], ["10.0.0.6"], "10.0.0.5", "10.0.0.2"],
    [["10.0.0.0/29"], ["10.0.0.2"], "10.0.0.128", "10.0.0.3"],
    [["10.0.0.0/29"], ["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"], "10.0.0.3", "10.0.0.3"],
    [["10.0.0.0/30", "10.0.1.0/30"], [], undefined, "10.0.0.2"],
    [["10.0.0.0/30", "10.0.1.0/30"], [], "10.0.0.2", "10.0.1.2"],
    [["10.0.0.0/30", "10.0.1.0/30", "10.0.2.0/30"], [], "10.0.2.2", "10.0.0.2"],
  ])("in %j with %j taken, after %s, gives %s", (subnets, taken, last, expected) => {
    expect(plan({ sets: [setOf(...subnets)], taken, last: [last] }).ips).toEqual([expected]);
  });

  it.each([
    [["10.0.0.0/30"], ["10.0.0.2"], "no address is free in 10.0.0.1-10.0.0.2: the only one is taken"],
    [
      ["10.0.0.0/29"],
      ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"],
      "no address is free in 10.0.0.1-10.0.0.6: all 5 are taken",
    ],
    [
      ["10.0.0.0/30", "10.0.1.0/30"],
      ["10.0.0.2", "10.0.1.2"],
      "no address is free in 10.0.0.1-10.0.0.2,10.0.1.1-10.0.1.2: all 2 are taken",
    ],
  ])("in %j fails when all are taken, and tells the ranges and how many", (subnets, taken, reason) => {
    expect(plan({ sets: [setOf(...subnets)], taken })).toEqual({ ips: [], code: "KX_CNI_POOL_EXHAUSTED", reason });
  });

  const octet = fc.integer({ min: 0, max: 255 });
  const range = fc
    .record({
      net: octet,
      prefix: fc.integer({ min: 26, max: 30 }),
      start: octet,
      end: octet,
      gateway: octet,
      six: fc.boolean(),
    })
    .map(({ net, prefix, start, end, gateway, six }) => {
      const size = 2 ** (32 - prefix);
      const [low, high] = [start % size, end % size].toSorted((a, b) => a - b);
      const at = (host: number) => (six ? `fd00::${net.toString(16)}:${host.toString(16)}` : `10.0.${net}.${host}`);
      return rangeOf({
        subnet: `${at(0)}/${six ? prefix + 96 : prefix}`,
        rangeStart: at(low ?? 0),
        rangeEnd: at(high ?? 0),
        gateway: at(gateway % size),
      });
    });

  it("gives every usable address once, then none; never the gateway's, the network's own or the broadcast address", () => {
    const cases = fc.tuple(range, fc.bigInt({ min: -3n, max: 70n }));
    fc.assert(
      fc.property(cases, ([one, offset]) => {
        const taken = new Set<bigint>();
        let last: Ip | undefined = { family: one.start.family, value: one.start.value + offset };
        const pool = { sets: [[one]], requested: [] };
        for (let count = 0n; ; count++) {
          const view = { isTaken: ({ value }: Ip) => taken.has(value), lastReserved: () => last, own: [] };
          const { grants, failure } = planLeases(pool, view);
          if (failure !== undefined) {
            expect(failure.code).toBe("KX_CNI_POOL_EXHAUSTED");
            expect(count).toBe(poolSize([one]));
            return;
          }
          const ip = grants[0]?.ip;
          if (ip === undefined) throw new Error("no failure and no address");
          expect(taken.has(ip.value)).toBe(false);
          expect(ip.value).not.toBe(one.gateway.value);
          expect(ip.value >= one.start.value && ip.value <= one.end.value).toBe(true);
          const size = 2n ** BigInt((ip.family === 4 ? 32 : 128) - one.subnet.prefix);
          const host = ip.value - one.subnet.base.value;
          if (ip.family === 4) expect(host !== 0n && host !== size - 1n).toBe(true);
          taken.add(ip.value);
          last = ip;
        }
      }),
    );
  });

  it("takes the first free address behind the last one, round the end", () => {
    fc.assert(
      fc.property(
        range,
        fc.array(fc.bigInt({ min: 0n, max: 63n })),
        fc.bigInt({ min: 0n, max: 63n }),
        (one, used, at) => {
          const taken = new Set(used.map((host) => one.start.value + host));
          const span = one.end.value - one.start.value + 1n;
          const last: Ip = { family: one.start.family, value: one.start.value + (at % span) };
          const view = { isTaken: ({ value }: Ip) => taken.has(value), lastReserved: () => last, own: [] };
          const found = planLeases({ sets: [[one]], requested: [] }, view).grants[0]?.ip.value;
          const steps = (value: bigint) => (value - last.value - 1n + span) % span;
          const free = [...candidates([one])].map(({ ip }) => ip.value).filter((value) => !taken.has(value));
          const nearest = free.toSorted((a, b) => Number(steps(a) - steps(b)))[0];
          expect(found).toBe(nearest);
        },
      ),
    );
  });
});

describe("addresses that are asked for", () => {
  const sets = [setOf("172.16.1.0/24", "10.1.2.0/24"), setOf("2001:db8:1::/48")];

  it("are given out of the set that holds them; other sets give any", () => {
    expect(plan({ sets, requested: ["10.1.2.88", "2001:db8:1::999"] }).ips).toEqual(["10.1.2.88", "2001:db8:1::999"]);
    expect(plan({ sets, requested: ["2001:db8:1::999"] }).ips).toEqual(["172.16.1.2", "2001:db8:1::999"]);
  });

  it.each([
    ["10.1.2.88", "KX_CNI_ADDRESS_TAKEN", /the requested 10\.1\.2\.88 of .* is taken/],
    ["10.1.2.1", "KX_CNI_CONFIG", /it is the gateway/],
    ["10.2.2.2", "KX_CNI_CONFIG", /cannot give the requested 10\.2\.2\.2/],
  ])("fail: %s", (ip, code, reason) => {
    expect(plan({ sets, requested: [ip], taken: ["10.1.2.88"] })).toMatchObject({
      code,
      reason: expect.stringMatching(reason),
    });
  });

  it("fail if they are outside of start and end, or the broadcast address", () => {
    const narrow = [rangeOf({ subnet: "192.168.1.0/29", rangeStart: "192.168.1.3", rangeEnd: "192.168.1.4" })];
    for (const ip of ["192.168.1.2", "192.168.1.5"])
      expect(plan({ sets: [narrow], requested: [ip] }).code).toBe("KX_CNI_CONFIG");
    const wide = [rangeOf({ subnet: "192.168.1.0/29", rangeEnd: "192.168.1.7" })];
    expect(plan({ sets: [wide], requested: ["192.168.1.7"] }).reason).toMatch(/broadcast/);
  });

  it("fail if a set should give two", () => {
    const two = [setOf("10.1.2.0/24"), setOf("10.1.3.0/24")];
    const { code, reason } = plan({ sets: two, requested: ["10.1.2.88", "10.1.2.77"] });
    expect([code, reason]).toEqual([
      "KX_CNI_CONFIG",
      "cannot give the requested 10.1.2.77: one address is given out of each of 10.1.2.1-10.1.2.254 and 10.1.3.1-10.1.3.254",
    ]);
  });
});

describe("an interface that has an address already", () => {
  it("gets none, be it asked for or not", () => {
    const sets = [setOf("10.1.2.0/24")];
    expect(plan({ sets, own: ["10.1.2.7"] })).toMatchObject({ ips: [], code: "KX_CNI_LEASE_EXISTS" });
    expect(plan({ sets, own: ["10.1.2.7"], requested: ["10.1.2.9"] }).code).toBe("KX_CNI_LEASE_EXISTS");
  });

  it("gets one where the ranges were changed since", () => {
    expect(plan({ sets: [setOf("10.1.3.0/24")], own: ["10.1.2.7"] }).ips).toEqual(["10.1.3.2"]);
  });
});
