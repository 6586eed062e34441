// What each option of kx-bridge does, with traffic where that shows it.
import type { JsonObject } from "@kx/core/contracts/cni";
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

const base = { bridge: "kx0", isDefaultGateway: true };
const linkOf = async (netns: TestNetns, name: string) => (await netns.links()).find(({ ifname }) => ifname === name);

/** Attaches a new pod as this container. */
async function attach(containerId: string, config: JsonObject): Promise<TestNetns> {
  const pod = await network.host.pod();
  await network.ok({ command: "ADD", containerId, netns: pod.path, config });
  return pod;
}

const detach = (containerId: string, config: JsonObject) => network.ok({ command: "DEL", containerId, config });

describe("the bridge", () => {
  it("is made once, keeps its address, and is never deleted", async () => {
    const config = { ...base, ipam: network.ipam("10.1.0.0/16") };
    await attach("a", config);
    const made = await linkOf(host, "kx0");
    await attach("b", config);
    for (const containerId of ["a", "b"]) await detach(containerId, config);
    const { ifindex, address } = made ?? {};
    expect(await linkOf(host, "kx0")).toMatchObject({ ifindex, address });
  });

  it("may be one that somebody else has made", async () => {
    await host.run("ip", "link", "add", "kx0", "type", "bridge");
    const before = await linkOf(host, "kx0");
    await attach("a", { ...base, ipam: network.ipam("10.1.0.0/16") });
    expect(await linkOf(host, "kx0")).toMatchObject({ ifindex: before?.ifindex });
  });

  it("must not be another link, as STATUS tells before", async () => {
    await host.run("ip", "link", "add", "kx0", "type", "veth", "peer", "name", "kx1");
    const config = { bridge: "kx0" };
    expect(await network.fails({ command: "STATUS", config })).toMatchObject({
      code: 50,
      msg: "[KX_CNI_NOT_AVAILABLE] the link kx0 is no bridge but veth",
    });
    const pod = await network.host.pod();
    expect(await network.fails({ command: "ADD", netns: pod.path, config })).toMatchObject({
      msg: "[KX_CNI_BRIDGE] the link kx0 is no bridge but veth",
      details: "name another bridge, or remove that link",
    });
    expect(await netnsContents(pod)).toEqual([]);
  });

  it.each([
    ["IPv4", "10.1.0.0/16", "10.2.0.0/16", "10.2.0.1/16", true],
    ["IPv4 that overlaps", "10.1.0.0/16", "10.1.0.0/24", "10.1.0.1/24", true],
    ["IPv6 that overlaps", "fd00::/64", "fd00::/56", "fd00::1/56", true],
    ["other IPv6", "fd00::/64", "fd01::/64", "fd01::1/64", false],
  ])("gets another network's address only if told to: %s", async (_, first, second, gateway, isRefused) => {
    await attach("a", { ...base, ipam: network.ipam(first) });
    const [before, pod] = [await host.addresses("kx0"), await network.host.pod()];
    const config = { ...base, name: "other", ipam: network.ipam(second) };
    const call = { command: "ADD", containerId: "b", netns: pod.path, config } as const;
    if (isRefused) {
      expect(await network.fails(call)).toMatchObject({
        msg: `[KX_CNI_BRIDGE] the bridge kx0 has ${before[0]}, so it cannot have ${gateway}`,
      });
      expect([network.leases("other"), await netnsContents(pod)]).toEqual([[], []]);
      expect(await host.addresses("kx0")).toEqual(before);
    }
    await network.ok({ ...call, config: { ...config, forceAddress: true } });
    expect(await host.addresses("kx0")).toEqual(isRefused ? [gateway] : [gateway, ...before]);
  });

  it("as a gateway has the host pass packets on, of the families that it is one of", async () => {
    const keys = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];
    const forwarding = async () => (await host.run("sysctl", "-n", ...keys)).trim().split("\n");
    await host.run("sysctl", "-w", ...keys.map((key) => `${key}=0`));
    await attach("a", { bridge: "kx0", ipam: network.ipam("10.1.0.0/24", "fd00::/64") });
    expect([await forwarding(), await host.addresses("kx0")]).toEqual([["0", "0"], []]);
    await attach("b", { bridge: "kx0", isGateway: true, name: "four", ipam: network.ipam("10.2.0.0/24") });
    expect([await forwarding(), await host.addresses("kx0")]).toEqual([["1", "0"], ["10.2.0.1/24"]]);
    await attach("c", { bridge: "kx1", isGateway: true, name: "six", ipam: network.ipam("fd01::/64") });
    expect([await forwarding(), await host.addresses("kx1")]).toEqual([["1", "1"], ["fd01::1/64"]]);
  });

  it("is shared by networks of other subnets, of which one comes and goes without the other", async () => {
    const first = { ...base, ipMasq: true, ipam: network.ipam("10.1.0.0/16", "fd00::/64") };
    // Its containers have no gateway of IPv4, as the bridge can be one network's alone.
    const second = { bridge: "kx0", name: "other", ipam: network.ipam("10.2.0.0/16", "fd01::/64") };
    const [a, pods] = [await network.host.pod(), [await network.host.pod(), await network.host.pod()] as const];
    const added = await network.ok({ command: "ADD", containerId: "a", netns: a.path, config: first });
    for (const [index, pod] of pods.entries()) {
      await network.ok({ command: "ADD", containerId: `b${index}`, netns: pod.path, config: second });
    }
    const firstIsWhole = async () => {
      const config = { ...first, prevResult: added as unknown as JsonObject };
      await network.ok({ command: "CHECK", containerId: "a", netns: a.path, config });
      expect(await ask(a, "10.1.0.1", { port: 80 })).toBe("10.1.0.2");
    };
    await using _ = await serveAll([host, { port: 80 }], [pods[1], { port: 80 }]);
    expect(await ask(pods[0], "10.2.0.3", { port: 80 })).toBe("10.2.0.2");
    expect(await ask(pods[0], "fd01::3", { port: 80 })).toBe("fd01::2");
    await firstIsWhole();
    await network.ok({ command: "DEL", containerId: "b0", config: second });
    await network.ok({ command: "GC", config: { ...second, "cni.dev/valid-attachments": [] } });
    expect([network.leases("other"), network.leases().toSorted()]).toEqual([[], ["10.1.0.2", "fd00::2"]]);
    expect((await host.addresses("kx0")).toSorted()).toEqual(["10.1.0.1/16", "fd00::1/64"]);
    await firstIsWhole();
  });

  it("may be promiscuous, or its ports in hairpin mode", async () => {
    await attach("a", { bridge: "kx0", promiscMode: true, mtu: 1400 });
    await attach("b", { bridge: "kx1", hairpinMode: true });
    const [first, second] = [await linkOf(host, "kx0"), await linkOf(host, "kx1")];
    expect(first).toMatchObject({ flags: expect.arrayContaining(["PROMISC"]), mtu: 1400 });
    expect(second?.flags).not.toContain("PROMISC");
    const port = (containerId: string) => linkOf(host, hostEndName({ network: "kxnet", containerId, ifName: "eth0" }));
    expect((await port("a"))?.linkinfo?.info_slave_data).toMatchObject({ hairpin: false });
    expect((await port("b"))?.linkinfo?.info_slave_data).toMatchObject({ hairpin: true });
    expect((await port("a"))?.mtu).toBe(1400);
  });

  it("has VLANs, or the kernel's refusal is told and nothing left", async () => {
    const config = { ...base, vlan: 100, vlanTrunk: [{ id: 101 }, { minID: 200, maxID: 210 }] };
    const pod = await network.host.pod();
    const call = { netns: pod.path, config: { ...config, ipam: network.ipam("10.1.0.0/16") } };
    const { exitCode, output } = await network.run({ command: "ADD", ...call });
    if (exitCode === 0) {
      expect(output).toMatchObject({ interfaces: [{}, {}, {}, { name: "kx0.100" }] });
      await network.ok({ command: "DEL", ...call });
    } else {
      expect(output).toMatchObject({ code: 2, msg: expect.stringContaining("kx0 cannot have VLANs on this kernel") });
    }
    expect([network.leases(), await netnsContents(pod)]).toEqual([[], []]);
  });
});

describe("a port", () => {
  it("that is isolated reaches the gateway alone", async () => {
    const config = { ...base, portIsolation: true, ipam: network.ipam("10.1.0.0/16") };
    const [a, b] = [await attach("a", config), await attach("b", config)];
    await using _ = await serveAll([b, { port: 80 }], [host, { port: 80 }]);
    expect(await ask(a, "10.1.0.1", { port: 80 })).toBe("10.1.0.2");
    expect(await ask(a, "10.1.0.3", { port: 80 }, 1500)).toBeUndefined();
    await attach("c", { ...config, portIsolation: false });
    const [c] = [await attach("d", { ...config, portIsolation: false })];
    expect(await ask(c, "10.1.0.3", { port: 80 })).toBe("10.1.0.5");
  });

  it("lets in only frames of the container, if told to, and leaves no element", async () => {
    const config = { ...base, macspoofchk: true, ipam: network.ipam("10.1.0.0/16") };
    const pod = await attach("a", config);
    expect(await elementCount(host)).toBe(2);
    await using _ = await serve(host, { port: 80 });
    expect(await ask(pod, "10.1.0.1", { port: 80 })).toBe("10.1.0.2");
    await pod.run("ip", "link", "set", "eth0", "address", "02:00:00:00:00:66");
    expect(await ask(pod, "10.1.0.1", { port: 80 }, 1500)).toBeUndefined();
    await detach("a", config);
    expect(await elementCount(host)).toBe(0);
  });

  it("may end in an interface that is down", async () => {
    const pod = await attach("a", { bridge: "kx0", disableContainerInterface: true });
    expect((await linkOf(pod, "eth0"))?.flags).not.toContain("UP");
  });

  it("is refused an IPv6 address that another host has, if that is asked about", async () => {
    const ipam = { type: "kx-static", addresses: [{ address: "fd00::2/64" }] };
    const config = { bridge: "kx0", enabledad: true, ipam };
    const first = await attach("a", config);
    expect(await first.addresses("eth0")).toEqual(["fd00::2/64"]);
    const pod = await network.host.pod();
    expect(await network.fails({ command: "ADD", containerId: "b", netns: pod.path, config })).toMatchObject({
      msg: "[KX_CNI_DUPLICATE_ADDRESS] another host has fd00::2/64 of eth0",
    });
    expect(await netnsContents(pod)).toEqual([]);
    const ends = (await host.links()).filter(({ ifname }) => ifname.startsWith("veth"));
    expect(ends).toHaveLength(1);
  });
});

describe("asking whether others have IPv6 addresses", () => {
  it("is as told, also where there are none", async () => {
    const setting = async (pod: TestNetns) => (await pod.run("sysctl", "-n", "net.ipv6.conf.eth0.accept_dad")).trim();
    const on = await attach("a", { ...base, enabledad: true, ipam: network.ipam("10.1.0.0/16") });
    expect(await setting(on)).toBe("1");
    const off = await attach("b", { ...base, ipam: network.ipam("10.1.0.0/16") });
    expect(await setting(off)).toBe("0");
    await attach("c", { bridge: "kx0", enabledad: true });
  });
});

describe("masquerading", () => {
  it.each<JsonObject>([{}, { ipMasqBackend: "nftables" }, { ipMasqLayout: "upstream" }])("with %j", async (options) => {
    const outside = await network.host.pod();
    await host.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", outside.path);
    for (const [netns, last] of [
      [host, 1],
      [outside, 2],
    ] as const) {
      await netns.run("ip", "address", "add", `192.0.2.${last}/24`, "dev", "up0");
      await netns.run("ip", "link", "set", "up0", "up");
    }
    const config = { ...base, ipMasq: true, ...options, ipam: network.ipam("10.1.0.0/16") };
    const pod = await attach("a", config);
    await using _ = await serve(outside, { port: 80 });
    expect(await ask(pod, "192.0.2.2", { port: 80 })).toBe("192.0.2.1");
    await detach("a", config);
    expect(await host.run("nft", "list", "ruleset")).not.toContain("kxnet a");
    expect(await host.run("nft", "list", "ruleset")).not.toContain("id: a");
    expect(await elementCount(host)).toBe(0);
  });

  it("refuses another backend before anything is made, and DEL still works", async () => {
    const pod = await network.host.pod();
    const config = { ...base, ipMasq: true, ipMasqBackend: "ipfw", ipam: network.ipam("10.1.0.0/16") };
    const failure = {
      code: 2,
      msg: '[KX_CNI_UNSUPPORTED] ipMasqBackend "ipfw" is not supported',
      details: "leave it out, or set it to nftables or iptables",
    };
    expect(await network.fails({ command: "STATUS", config })).toMatchObject(failure);
    expect(await network.fails({ command: "ADD", netns: pod.path, config })).toMatchObject(failure);
    expect([await shared(host), network.leases()]).toEqual([[], []]);
    await network.ok({ command: "DEL", netns: pod.path, config });
  });
});

describe("the default route", () => {
  const ipam = (routes: readonly JsonObject[]) => ({
    type: "kx-static",
    addresses: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }],
    routes,
  });

  it.each([
    ["through a router of its own", [{ dst: "0.0.0.0/0", gw: "10.1.0.9" }], ["default via 10.1.0.9 dev eth0"]],
    ["without a router", [{ dst: "0.0.0.0/0" }], ["default via 10.1.0.1 dev eth0"]],
    [
      "to somewhere else",
      [{ dst: "192.0.2.0/24", gw: "10.1.0.9" }],
      ["default via 10.1.0.1 dev eth0", "192.0.2.0/24 via 10.1.0.9 dev eth0"],
    ],
  ])("is one, where address management gives one %s", async (_, routes, expected) => {
    const pod = await attach("a", { ...base, ipam: ipam(routes) });
    expect(await pod.routes()).toEqual(expected);
  });

  it("cannot lead through the container itself", async () => {
    const pod = await network.host.pod();
    const config = { ...base, ipam: { type: "kx-static", addresses: [{ address: "10.1.0.1/16" }] } };
    expect(await network.fails({ command: "ADD", netns: pod.path, config })).toMatchObject({
      code: 7,
      msg: "[KX_CNI_CONFIG] the bridge cannot be 10.1.0.1, the gateway of 10.1.0.1/16: the container has that itself",
    });
  });
});
