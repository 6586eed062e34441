import { type CniVersion, cniVersions } from "@kx/core/contracts/cni";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CniResult } from "./cni-plugin.ts";
import { isAtLeast, readResult, writeResult } from "./results.ts";

const full: CniResult = {
  cniVersion: "1.1.0",
  interfaces: [
    { name: "cni0", mac: "00:11:22:33:44:55", mtu: 1400 },
    { name: "eth0", mac: "66:77:88:99:aa:bb", sandbox: "/run/netns/a", socketPath: "/s", pciID: "0000:00:1f.6" },
  ],
  ips: [
    { address: "10.1.2.3/24", gateway: "10.1.2.1", interface: 1 },
    { address: "10.9.0.3/24", interface: 1 },
    { address: "fd00::3/64", gateway: "fd00::1", interface: 1 },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.1.2.1", mtu: 1400, advmss: 1360, priority: 5, table: 7, scope: 0 },
    { dst: "::/0", gw: "fd00::1" },
  ],
  dns: { nameservers: ["10.1.0.1"], domain: "a.example", search: ["b.example"], options: ["ndots:5"] },
};

const plainInterfaces = [
  { name: "cni0", mac: "00:11:22:33:44:55" },
  { name: "eth0", mac: "66:77:88:99:aa:bb", sandbox: "/run/netns/a" },
];
const plainRoutes = [
  { dst: "0.0.0.0/0", gw: "10.1.2.1" },
  { dst: "::/0", gw: "fd00::1" },
];
const families = {
  ip4: { ip: "10.1.2.3/24", gateway: "10.1.2.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.1" }] },
  ip6: { ip: "fd00::3/64", gateway: "fd00::1", routes: [{ dst: "::/0", gw: "fd00::1" }] },
  dns: full.dns,
};
const tagged = {
  interfaces: plainInterfaces,
  ips: [
    { version: "4", address: "10.1.2.3/24", gateway: "10.1.2.1", interface: 1 },
    { version: "4", address: "10.9.0.3/24", interface: 1 },
    { version: "6", address: "fd00::3/64", gateway: "fd00::1", interface: 1 },
  ],
  routes: plainRoutes,
  dns: full.dns,
};

describe("writeResult", () => {
  it.each([
    ["0.1.0", families],
    ["0.2.0", families],
    ["0.3.0", tagged],
    ["0.3.1", tagged],
    ["0.4.0", tagged],
    ["1.0.0", { interfaces: plainInterfaces, ips: full.ips, routes: plainRoutes, dns: full.dns }],
    ["1.1.0", full],
  ] as const)("writes %s as its specification says", (version, expected) => {
    expect(writeResult(full, version)).toEqual({ ...expected, cniVersion: version });
  });

  it("writes an empty result in every version", () => {
    for (const version of cniVersions) expect(writeResult({}, version)).toEqual({ cniVersion: version });
  });
});

describe("readResult", () => {
  it.each([
    ["0.1.0", families],
    ["0.2.0", families],
  ] as const)("reads the families of %s", async (version, given) => {
    expect(await readResult({ ...given, cniVersion: version }, "1.1.0")).toEqual({
      cniVersion: "1.1.0",
      ips: [
        { address: "10.1.2.3/24", gateway: "10.1.2.1" },
        { address: "fd00::3/64", gateway: "fd00::1" },
      ],
      routes: plainRoutes,
      dns: full.dns,
    });
  });

  it.each(["0.3.0", "0.3.1", "0.4.0"] as const)("reads the tagged addresses of %s", async (version) => {
    const { cniVersion: _version, ...rest } = full;
    const expected = { ...rest, cniVersion: "1.1.0", interfaces: plainInterfaces, routes: plainRoutes };
    expect(await readResult({ ...tagged, cniVersion: version }, "0.1.0")).toEqual(expected);
  });

  it("takes the configuration's version where a result names none", async () => {
    const read = await readResult({ ip4: { ip: "10.0.0.2/8" } }, "0.2.0");
    expect(read.ips).toEqual([{ address: "10.0.0.2/8" }]);
    expect(await readResult({ ...tagged, cniVersion: "" }, "0.4.0")).toMatchObject({ ips: full.ips });
  });

  it("takes null for absent, as Go prints it", async () => {
    expect(await readResult({ interfaces: null, ips: null, routes: null, dns: null }, "1.0.0")).toEqual({
      cniVersion: "1.1.0",
    });
  });

  it("keeps fields of 1.1.0 that it does not know", async () => {
    const later = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", colour: "red" }], later: 1 };
    expect(writeResult(await readResult(later, "1.1.0"), "1.1.0")).toEqual(later);
  });

  it.each([
    [{ cniVersion: "9.9.9" }, 'a result has the version "9.9.9"'],
    [{ cniVersion: 1 }, "a result has the version 1"],
    [{ ips: [{}] }, "ips[0].address is required"],
    [{ ips: [{ address: "10.0.0.1" }] }, "ips[0].address must be"],
    [[], "no JSON object"],
    [undefined, "no JSON object"],
    ["text", "no JSON object"],
  ])("refuses %j and says where", async (value, message) => {
    await expect(readResult(value, "1.1.0")).rejects.toThrow(message);
  });
});

const byte = fc.nat({ max: 255 });
const ip4 = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join("."));
const ip6 = fc.tuple(byte, byte).map(([a, b]) => `fd00:${a.toString(16)}::${b.toString(16)}`);
const net4 = fc.tuple(ip4, fc.nat({ max: 32 })).map(([ip, prefix]) => `${ip}/${prefix}`);
const net6 = fc.tuple(ip6, fc.nat({ max: 128 })).map(([ip, prefix]) => `${ip}/${prefix}`);

const address = (family: "4" | "6") =>
  fc.record(
    { address: family === "4" ? net4 : net6, gateway: family === "4" ? ip4 : ip6 },
    { requiredKeys: ["address"] },
  );
const route = (family: "4" | "6") =>
  fc.record({ dst: family === "4" ? net4 : net6, gw: family === "4" ? ip4 : ip6 }, { requiredKeys: ["dst"] });
const texts = fc.array(fc.string(), { maxLength: 3 });
const dns = fc.record({ nameservers: texts, domain: fc.string(), search: texts, options: texts }, { requiredKeys: [] });
const someInterface = fc.record(
  { name: fc.string(), mac: fc.string(), sandbox: fc.string() },
  { requiredKeys: ["name"] },
);

/** What every version since 0.3.0 can say. */
const listed: fc.Arbitrary<CniResult> = fc.record(
  {
    cniVersion: fc.constant("1.1.0"),
    interfaces: fc.array(someInterface, { maxLength: 3 }),
    ips: fc.array(fc.oneof(address("4"), address("6")), { maxLength: 4 }),
    routes: fc.array(fc.oneof(route("4"), route("6")), { maxLength: 4 }),
    dns,
  },
  { requiredKeys: ["cniVersion"] },
);

/** What 0.1.0 and 0.2.0 can say: one address of each family, each with its routes. */
const single: fc.Arbitrary<CniResult> = fc
  .record({
    four: fc.option(fc.tuple(address("4"), fc.array(route("4"), { maxLength: 3 }))),
    six: fc.option(fc.tuple(address("6"), fc.array(route("6"), { maxLength: 3 }))),
    dns: fc.option(dns),
  })
  .map(({ four, six, dns: names }) => {
    const given = [four, six].filter((family) => family !== null);
    const routes = given.flatMap(([, own]) => own);
    return {
      cniVersion: "1.1.0",
      ...(given.length > 0 ? { ips: given.map(([ip]) => ip) } : {}),
      ...(routes.length > 0 ? { routes } : {}),
      ...(names === null ? {} : { dns: names }),
    };
  });

const versionFrom = (least: CniVersion) =>
  fc.constantFrom(...cniVersions.filter((version) => isAtLeast(version, least)));

describe("conversion", () => {
  it("loses nothing that a version can say, there and back", async () => {
    const cases = fc.oneof(fc.tuple(listed, versionFrom("0.3.0")), fc.tuple(single, versionFrom("0.1.0")));
    await fc.assert(
      fc.asyncProperty(cases, async ([result, version]) => {
        const written = JSON.parse(JSON.stringify(writeResult(result, version))) as unknown;
        expect(await readResult(written, "0.1.0")).toEqual(result);
      }),
      { numRuns: 500 },
    );
  });
});
