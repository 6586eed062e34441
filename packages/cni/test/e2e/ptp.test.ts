// The cases of the Go plug-in's own test, in our words, in each version of the specification.
import { cniVersions, type JsonObject, type Result110 } from "@kx/core/contracts/cni";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostEndName } from "../../src/net/owner.ts";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { elementCount, shared } from "../support/host.ts";
import { makePodNetwork, type PodNetwork } from "../support/pod-network.ts";
import { ask, serve, serveAll } from "../support/traffic.ts";

let network: PodNetwork;
let host: TestNetns;
beforeEach(async () => {
  network = await makePodNetwork();
  host = network.host.netns;
});
afterEach(() => network[Symbol.asyncDispose]());

const type = "kx-ptp";
const endOf = (containerId: string) => hostEndName({ network: "kxnet", containerId, ifName: "eth0" });

async function attach(containerId: string, config: JsonObject) {
  const pod = await network.host.pod();
  const result = await network.ok({ command: "ADD", type, containerId, netns: pod.path, config });
  return { pod, result, chained: { ...config, prevResult: result as unknown as JsonObject } };
}

const families = [
  { name: "IPv4", subnets: ["10.1.0.0/24"], addresses: ["10.1.0.2/24"], gateways: ["10.1.0.1"] },
  { name: "IPv6", subnets: ["fd00::/64"], addresses: ["fd00::2/64"], gateways: ["fd00::1"] },
  {
    name: "both families",
    subnets: ["10.1.0.0/24", "fd00::/64"],
    addresses: ["10.1.0.2/24", "fd00::2/64"],
    gateways: ["10.1.0.1", "fd00::1"],
  },
];

describe.each(cniVersions)("ptp in %s", (cniVersion) => {
  it.each(families)("attaches with $name, and takes it away", async ({ subnets, addresses, gateways }) => {
    const routes = gateways.map((gateway) => ({ dst: gateway.includes(":") ? "::/0" : "0.0.0.0/0" }));
    const config = { cniVersion, mtu: 1400, ipMasq: true, ipam: { ...network.ipam(...subnets), routes } };
    const { pod, result, chained } = await attach("a", config);
    const [end] = await host.links();
    const [container] = await pod.links();
    if (cniVersion >= "0.3.0") {
      expect(result).toMatchObject({
        cniVersion,
        interfaces: [
          { name: endOf("a"), mac: end?.address },
          { name: "eth0", mac: container?.address, sandbox: pod.path },
        ],
        ips: addresses.map((address, at) => ({ address, gateway: gateways[at], interface: 1 })),
        routes,
      });
    }
    expect([end?.mtu, container?.mtu]).toEqual([1400, 1400]);
    expect((await pod.addresses("eth0")).toSorted()).toEqual(addresses);
    expect((await host.addresses(endOf("a"))).toSorted()).toEqual(
      gateways.map((gateway) => `${gateway}/${gateway.includes(":") ? 128 : 32}`),
    );
    if (gateways.includes("10.1.0.1")) {
      expect(await pod.routes()).toEqual([
        "default via 10.1.0.1 dev eth0",
        "10.1.0.0/24 via 10.1.0.1 dev eth0 src 10.1.0.2",
        "10.1.0.1 dev eth0 scope link src 10.1.0.2",
      ]);
      expect(await host.routes()).toContain(`10.1.0.2 dev ${endOf("a")} scope host`);
    }
    await using _ = await serveAll([host, { port: 8080 }], [pod, { port: 8081 }]);
    for (const [at, gateway] of gateways.entries()) {
      const ip = addresses[at]?.split("/")[0] ?? "";
      expect(await ask(pod, gateway, { port: 8080 })).toBe(ip);
      expect(await ask(host, ip, { port: 8081 })).toBe(gateway);
    }
    if (cniVersion >= "0.4.0") await network.ok({ command: "CHECK", type, netns: pod.path, config: chained });
    for (let times = 0; times < 2; times++)
      await network.ok({ command: "DEL", type, netns: pod.path, config: chained });
    expect([await netnsContents(pod), await shared(host), network.leases(), await elementCount(host)]).toEqual([
      [],
      [],
      [],
      0,
    ]);
  });
});

describe("ptp", () => {
  const config = (): JsonObject => ({ ipMasq: true, ipam: network.ipam("10.1.0.0/24", "fd00::/64") });

  it("lets containers reach each other by the host alone", async () => {
    const [a, b] = [await attach("a", config()), await attach("b", config())];
    await using _ = await serve(b.pod, { port: 80 });
    expect(await ask(a.pod, "10.1.0.3", { port: 80 })).toBe("10.1.0.2");
    expect(await ask(a.pod, "fd00::3", { port: 80 })).toBe("fd00::2");
    // No frame of the one reaches the other: what it knows of the link is the router.
    expect(await a.pod.run("ip", "neighbour")).not.toMatch(/10\.1\.0\.3|fd00::3/);
  });

  it("takes settings of names from its own configuration first", async () => {
    const dns = { nameservers: ["192.0.2.3"] };
    const ipam = { type: "kx-static", addresses: [{ address: "10.1.0.2/24" }], dns: { search: ["example.test"] } };
    expect((await attach("a", { ipam })).result.dns).toEqual({ search: ["example.test"] });
    const other = { ...ipam, addresses: [{ address: "10.2.0.2/24" }] };
    expect((await attach("b", { ipam: other, dns })).result.dns).toEqual(dns);
  });

  it("takes address management that gives single addresses, and several behind one router", async () => {
    const addresses = ["10.1.0.5/32", "10.1.0.6/32", "10.2.0.5/24"].map((address) => ({
      address,
      gateway: "169.254.1.1",
    }));
    const routes = [{ dst: "0.0.0.0/0" }];
    const { pod, chained } = await attach("a", { ipam: { type: "kx-static", addresses, routes } });
    expect(await pod.routes()).toEqual([
      "default via 169.254.1.1 dev eth0",
      "10.2.0.0/24 via 169.254.1.1 dev eth0 src 10.2.0.5",
      "169.254.1.1 dev eth0 scope link src 10.1.0.5",
    ]);
    await using _ = await serve(pod, { port: 80 });
    expect(await ask(host, "10.1.0.6", { port: 80 })).toBe("169.254.1.1");
    await network.ok({ command: "CHECK", type, netns: pod.path, config: chained });
  });

  it("refuses an address that the host has a way to already, and leaves that", async () => {
    const ipam = { type: "kx-static", addresses: [{ address: "10.1.0.2/24" }] };
    const first = await attach("a", { ipam });
    const pod = await network.host.pod();
    expect(
      await network.fails({ command: "ADD", type, containerId: "b", netns: pod.path, config: { ipam } }),
    ).toMatchObject({
      msg: expect.stringContaining("[KX_CNI_ADDRESS_TAKEN] the host has a route for 10.1.0.2 already"),
    });
    expect(await netnsContents(pod)).toEqual([]);
    await network.ok({ command: "CHECK", type, netns: first.pod.path, config: first.chained });
  });

  it("leaves the first of two ADDs, and of many at once, whole", async () => {
    const pod = await network.host.pod();
    const call = { command: "ADD", type, netns: pod.path, config: config() } as const;
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => network.run(call)));
    const [winner, ...more] = outcomes
      .filter(({ exitCode }) => exitCode === 0)
      .map(({ output }) => output as Result110);
    expect(more).toEqual([]);
    await network.fails(call);
    const other = { ...call, containerId: "b" };
    expect(await network.fails(other)).toMatchObject({ msg: expect.stringContaining("has an interface eth0 already") });
    await network.ok({ ...other, command: "DEL" });
    expect(network.leases().toSorted()).toEqual(["10.1.0.2", "fd00::2"]);
    const chained = { ...config(), prevResult: winner as unknown as JsonObject };
    await network.ok({ command: "CHECK", type, netns: pod.path, config: chained });
  });

  it("tells in CHECK all that is gone", async () => {
    const { pod, chained } = await attach("a", config());
    await pod.run("ip", "route", "del", "10.1.0.0/24");
    await pod.run("ip", "address", "del", "fd00::2/64", "dev", "eth0");
    await host.run("ip", "route", "del", "10.1.0.2");
    await host.run("ip", "address", "del", "10.1.0.1/32", "dev", endOf("a"));
    await host.run("nft", "flush", "ruleset");
    const { msg } = await network.fails({ command: "CHECK", type, netns: pod.path, config: chained });
    for (const part of [
      `${endOf("a")} has lost 10.1.0.1/32`,
      "the host's route to 10.1.0.2/32 is missing",
      "eth0 has lost fd00::2/64",
      "the route to 10.1.0.0/24 via 10.1.0.1 is missing",
      "10.1.0.2 is not masqueraded",
    ]) {
      expect(msg).toContain(part);
    }
  });

  it("works in DEL without a namespace, and in GC by the list", async () => {
    const [a, b] = [await attach("a", config()), await attach("b", config())];
    await network.ok({ command: "DEL", type, config: config() });
    expect(await netnsContents(a.pod)).toEqual([]);
    const valid = { "cni.dev/valid-attachments": [{ containerID: "b", ifname: "eth0" }] };
    await network.ok({ command: "GC", type, config: { ...config(), ...valid } });
    await network.ok({ command: "CHECK", type, containerId: "b", netns: b.pod.path, config: b.chained });
    await network.ok({ command: "GC", type, config: { ...config(), "cni.dev/valid-attachments": null } });
    expect([await netnsContents(b.pod), network.leases(), await elementCount(host)]).toEqual([[], [], 0]);
  });

  it("tells in STATUS what address management tells", async () => {
    const full = { ipam: network.ipam("10.1.0.0/30") };
    await network.ok({ command: "STATUS", type, config: full });
    await attach("a", full);
    expect(await network.fails({ command: "STATUS", type, config: full })).toMatchObject({ code: 50 });
  });
});
