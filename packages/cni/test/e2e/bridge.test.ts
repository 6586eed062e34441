// The cases of the Go plug-in's own test, in our words: what an ADD makes, in each version of the specification.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cniVersions, type JsonObject, type Result020, type Result110 } from "@kx/core/contracts/cni";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostEndName } from "../../src/net/owner.ts";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { shared } from "../support/host.ts";
import { makePodNetwork, type PodNetwork } from "../support/pod-network.ts";
import { ask, serveAll } from "../support/traffic.ts";

let network: PodNetwork;
beforeEach(async () => {
  network = await makePodNetwork();
});
afterEach(() => network[Symbol.asyncDispose]());

interface Family {
  readonly name: string;
  readonly subnets: readonly string[];
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
}

const four: Family = { name: "IPv4", subnets: ["10.1.0.0/16"], addresses: ["10.1.0.2/16"], gateways: ["10.1.0.1"] };
const six: Family = { name: "IPv6", subnets: ["fd00::/64"], addresses: ["fd00::2/64"], gateways: ["fd00::1"] };
const both: Family = {
  name: "both families",
  subnets: [...four.subnets, ...six.subnets],
  addresses: [...four.addresses, ...six.addresses],
  gateways: [...four.gateways, ...six.gateways],
};
const three: Family = {
  name: "three subnets",
  subnets: [...both.subnets, "fd01::/64"],
  addresses: [...both.addresses, "fd01::2/64"],
  gateways: [...both.gateways, "fd01::1"],
};

const owner = { network: "kxnet", containerId: "a", ifName: "eth0" };
const linkOf = async (netns: TestNetns, name: string) => (await netns.links()).find(({ ifname }) => ifname === name);
const defaultDestination = (address: string) => (address.includes(":") ? "::/0" : "0.0.0.0/0");

describe.each(cniVersions)("bridge in %s", (cniVersion) => {
  const hasFamilies = cniVersion < "0.3.0";
  const families = hasFamilies ? [four, six, both] : [four, six, both, three];

  it.each(families)("attaches with $name and a default route, and takes it away", async (family) => {
    const pod = await network.host.pod();
    const config: JsonObject = {
      cniVersion,
      bridge: "kx0",
      isDefaultGateway: true,
      ipMasq: false,
      ipam: network.ipam(...family.subnets),
    };
    const result = await network.ok({ command: "ADD", netns: pod.path, config });
    if (hasFamilies) expectFamilies(result, family);
    else await expectInterfaces(result, pod, family, cniVersion);

    expect((await network.host.netns.addresses("kx0")).toSorted()).toEqual(
      family.gateways.map((gateway, index) => `${gateway}/${family.addresses[index]?.split("/")[1]}`).toSorted(),
    );
    expect((await pod.addresses("eth0")).toSorted()).toEqual(family.addresses.toSorted());
    const firstOf = (sign: string) => family.gateways.find((gateway) => gateway.includes(sign));
    const [gateway4, gateway6] = [firstOf("."), firstOf(":")];
    expect(await pod.routes()).toEqual(gateway4 === undefined ? [] : [`default via ${gateway4} dev eth0`]);
    const via6 = gateway6 === undefined ? [] : [expect.stringContaining(`default via ${gateway6} dev eth0`)];
    expect(await pod.routes(6)).toEqual(via6);

    await using _ = await serveAll([network.host.netns, { port: 8080 }], [pod, { port: 8081 }]);
    for (const [index, gateway] of family.gateways.entries()) {
      const ip = family.addresses[index]?.split("/")[0] ?? "";
      expect(await ask(pod, gateway, { port: 8080 })).toBe(ip);
      expect(await ask(network.host.netns, ip, { port: 8081 })).toBe(gateway);
    }

    const chained = { ...config, prevResult: result as unknown as JsonObject };
    const check = network.run({ command: "CHECK", netns: pod.path, config: chained });
    expect(await check).toEqual(
      cniVersion < "0.4.0"
        ? { exitCode: 1, output: expect.objectContaining({ code: 1 }) }
        : { exitCode: 0, output: undefined },
    );
    for (let times = 0; times < 2; times++) await network.ok({ command: "DEL", netns: pod.path, config: chained });
    expect([await netnsContents(pod), await shared(network.host.netns), network.leases()]).toEqual([[], [], []]);
  });

  it("is a network of frames alone without address management", async () => {
    const pod = await network.host.pod();
    const config = { cniVersion, bridge: "kx0", isGateway: true };
    const result = await network.ok({ command: "ADD", netns: pod.path, config });
    expect(result.ips ?? []).toEqual([]);
    expect((await linkOf(pod, "eth0"))?.flags).toContain("UP");
    expect((await linkOf(network.host.netns, hostEndName(owner)))?.master).toBe("kx0");
    expect(await network.host.netns.addresses("kx0")).toEqual([]);
    if (cniVersion >= "0.4.0") {
      const chained = { ...config, prevResult: result as unknown as JsonObject };
      await network.ok({ command: "CHECK", netns: pod.path, config: chained });
    }
    await network.ok({ command: "DEL", netns: pod.path, config });
    expect([await netnsContents(pod), await shared(network.host.netns)]).toEqual([[], []]);
  });

  it("takes settings of names from address management, and its own before those", async () => {
    const folder = mkdtempSync(join(tmpdir(), "kx-cni-resolv-"));
    const resolvConf = join(folder, "resolv.conf");
    writeFileSync(resolvConf, "nameserver 192.0.2.3\nsearch example.test\noptions ndots:5\n");
    const config = { cniVersion, bridge: "kx0", ipam: { ...network.ipam("10.1.0.0/16"), resolvConf } };
    const [a, b] = [await network.host.pod(), await network.host.pod()];
    const given = await network.ok({ command: "ADD", netns: a.path, config });
    expect(given.dns).toEqual({ nameservers: ["192.0.2.3"], search: ["example.test"], options: ["ndots:5"] });
    const own = { nameservers: ["192.0.2.4"] };
    const call = { command: "ADD", containerId: "b", netns: b.path, config: { ...config, dns: own } } as const;
    expect((await network.ok(call)).dns).toEqual(own);
    rmSync(folder, { recursive: true });
  });

  it.each([
    ["CNI_ARGS", { args: "MAC=02:00:00:00:00:01" }, "02:00:00:00:00:01"],
    ["args.cni", { args: "MAC=02:00:00:00:00:01", cni: "02-00-00-00-00-0A" }, "02:00:00:00:00:0a"],
    [
      "runtimeConfig",
      { args: "MAC=02:00:00:00:00:01", cni: "02:00:00:00:00:02", runtime: "02:00:00:00:00:03" },
      "02:00:00:00:00:03",
    ],
  ])("gives the MAC address that %s asks for", async (_, { args, cni, runtime }: Asked, expected) => {
    const pod = await network.host.pod();
    const config = {
      cniVersion,
      bridge: "kx0",
      ...(cni === undefined ? {} : { args: { cni: { mac: cni } } }),
      ...(runtime === undefined ? {} : { runtimeConfig: { mac: runtime } }),
    };
    const { interfaces } = await network.ok({ command: "ADD", netns: pod.path, args, config });
    expect((await linkOf(pod, "eth0"))?.address).toBe(expected);
    if (!hasFamilies) expect(interfaces?.[2]?.mac).toBe(expected);
  });

  it("leaves nothing of an ADD that fails after addresses were given", async () => {
    const pod = await network.host.pod();
    await network.host.netns.run("ip", "link", "add", "kx0", "type", "dummy").catch(async () => {
      await network.host.netns.run("ip", "link", "add", "kx0", "type", "veth", "peer", "name", "kx1");
    });
    const before = await netnsContents(network.host.netns);
    const config = { cniVersion, bridge: "kx0", isGateway: true, ipam: network.ipam("10.1.0.0/16", "fd00::/64") };
    const failure = await network.fails({ command: "ADD", netns: pod.path, config });
    expect(failure).toMatchObject({ cniVersion, code: 999, msg: expect.stringContaining("kx0 is no bridge but") });
    expect([network.leases(), await netnsContents(pod)]).toEqual([[], []]);
    expect(await netnsContents(network.host.netns)).toEqual(before);
  });
});

interface Asked {
  readonly args: string;
  readonly cni?: string;
  readonly runtime?: string;
}

function expectFamilies(result: Result020, { addresses, gateways }: Family): void {
  const parts = addresses.map((ip, index) => {
    const gateway = gateways[index];
    const routes = [{ dst: defaultDestination(ip), gw: gateway }];
    return [ip.includes(":") ? "ip6" : "ip4", { ip, gateway, routes }] as const;
  });
  expect(result).toEqual({ cniVersion: expect.any(String), ...Object.fromEntries(parts) });
}

async function expectInterfaces(
  result: Result110,
  pod: TestNetns,
  { addresses, gateways }: Family,
  cniVersion: string,
): Promise<void> {
  const host = network.host.netns;
  const [bridge, end, container] = [
    await linkOf(host, "kx0"),
    await linkOf(host, hostEndName(owner)),
    await linkOf(pod, "eth0"),
  ];
  const mtu = cniVersion === "1.1.0" ? { mtu: 1500 } : {};
  expect(result.cniVersion).toBe(cniVersion);
  expect(result.interfaces).toEqual([
    { name: "kx0", mac: bridge?.address },
    { name: hostEndName(owner), mac: end?.address, ...mtu },
    { name: "eth0", mac: container?.address, sandbox: pod.path, ...mtu },
  ]);
  expect(end?.address).not.toBe(bridge?.address);
  expect(end?.master).toBe("kx0");
  const version = (ip: string) => (cniVersion < "1.0.0" ? { version: ip.includes(":") ? "6" : "4" } : {});
  expect(result.ips).toEqual(
    addresses.map((address, at) => ({ address, gateway: gateways[at], interface: 2, ...version(address) })),
  );
  const destinations = [...new Set(addresses.map(defaultDestination))];
  expect(result.routes).toEqual(
    destinations.map((dst) => ({ dst, gw: gateways.find((gateway) => gateway.includes(":") === dst.includes(":")) })),
  );
}
