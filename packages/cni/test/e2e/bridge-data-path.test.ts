import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BridgeAttach } from "../../src/bridge/data-path-types.ts";
import { hostEndName } from "../../src/net/owner.ts";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { elementCount, makeHost, shared, type TestHost } from "../support/host.ts";
import { ask, serve } from "../support/traffic.ts";

let host: TestHost;
beforeEach(async () => {
  host = await makeHost();
});
afterEach(() => host[Symbol.asyncDispose]());

const ownerOf = (containerId: string) => ({ network: "kxnet", containerId, ifName: "eth0" });

function request(pod: TestNetns, containerId: string, more: Partial<BridgeAttach> = {}): BridgeAttach {
  const last = containerId.charCodeAt(0) - 96;
  return {
    owner: ownerOf(containerId),
    netns: pod.path,
    bridge: { name: "kx0", gateways: ["10.1.0.1/16", "fd00::1/64"] },
    addresses: [
      { address: `10.1.0.${last + 1}/16`, gateway: "10.1.0.1" },
      { address: `fd00::${last + 1}/64`, gateway: "fd00::1" },
    ],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    ...more,
  };
}

describe("attaching to a bridge", () => {
  it("gives the container addresses, routes and the way to others, and takes all away", async () => {
    const [a, b] = [await host.pod(), await host.pod()];
    const [first, second] = [request(a, "a"), request(b, "b", { mtu: 1400, mac: "02:00:00:00:00:0b" })];
    const made = host.call("bridgeAttach", first);
    const bridgeBefore = (await host.netns.links()).find(({ ifname }) => ifname === "kx0");
    const other = host.call("bridgeAttach", second);

    expect(made.isSettled && other.isSettled).toBe(true);
    expect(made.bridge.mac).toBe(bridgeBefore?.address);
    expect(other.container).toEqual({ name: "eth0", mac: "02:00:00:00:00:0b", mtu: 1400 });
    const links = await host.netns.links();
    expect(links.find(({ ifname }) => ifname === "kx0")).toMatchObject({ ifindex: bridgeBefore?.ifindex });
    expect(links.filter(({ master }) => master === "kx0").map(({ ifname, mtu }) => [ifname, mtu])).toEqual([
      [made.host.name, 1500],
      [other.host.name, 1400],
    ]);
    expect(await host.netns.addresses("kx0")).toEqual(["10.1.0.1/16", "fd00::1/64"]);
    expect(await b.addresses("eth0")).toEqual(["10.1.0.3/16", "fd00::3/64"]);
    expect(await b.routes()).toEqual(["default via 10.1.0.1 dev eth0"]);
    expect(await b.routes(6)).toEqual([expect.stringMatching(/^default via fd00::1 dev eth0 /)]);
    host.call("bridgeCheck", {
      ...second,
      attached: { bridgeMac: made.bridge.mac, containerMac: other.container.mac },
    });

    await using _ = await serve(b, { port: 8080 });
    expect(await ask(a, "10.1.0.3", { port: 8080 })).toBe("10.1.0.2");
    expect(await ask(a, "fd00::3", { port: 8080 })).toBe("fd00::2");
    expect(await ask(host.netns, "10.1.0.3", { port: 8080 })).toBe("10.1.0.1");

    host.call("bridgeDetach", { owner: first.owner });
    expect(await netnsContents(a)).toEqual([]);
    host.call("bridgeDetach", { owner: second.owner, netns: b.path });
    host.call("bridgeDetach", { owner: second.owner, netns: b.path });
    expect(await shared(host.netns)).toEqual([]);
    // The bridge keeps its address although its last port is gone.
    expect((await host.netns.links()).find(({ ifname }) => ifname === "kx0")?.address).toBe(made.bridge.mac);
  });

  it("sets routes with all that a result may say", async () => {
    const pod = await host.pod();
    const routes = [
      { dst: "192.0.2.0/24", gw: "10.1.0.9", mtu: 1300, advmss: 1200, priority: 50 },
      { dst: "198.51.100.0/24", scope: 253 },
      { dst: "203.0.113.0/24", table: 1000 },
    ];
    const all = request(pod, "a", { routes });
    host.call("bridgeAttach", all);
    expect(await pod.routes()).toEqual([
      "192.0.2.0/24 via 10.1.0.9 dev eth0 metric 50 mtu 1300 advmss 1200",
      "198.51.100.0/24 dev eth0 scope link",
    ]);
    expect(await pod.run("ip", "route", "show", "table", "1000")).toMatch(/^203.0.113.0\/24 via 10.1.0.1 dev eth0/);
    host.call("bridgeCheck", { ...all, attached: {} });
    await pod.run("ip", "route", "del", "203.0.113.0/24", "table", "1000");
    expect(() => host.call("bridgeCheck", { ...all, attached: {} })).toThrow("the route to 203.0.113.0/24 is missing");
  });

  it("sets what ports and bridges have beside", async () => {
    const [a, b] = [await host.pod(), await host.pod()];
    const bridge = { name: "kx0", promiscuous: true, mtu: 1450 };
    const plain = request(a, "a", { bridge, addresses: [], routes: [], isolated: true, hairpin: true });
    const { host: port } = host.call("bridgeAttach", plain);
    host.call("bridgeAttach", request(b, "b", { bridge, addresses: [], routes: [], leaveDown: true }));
    const links = await host.netns.links();
    expect(links.find(({ ifname }) => ifname === port.name)?.linkinfo?.info_slave_data).toMatchObject({
      hairpin: true,
      isolated: true,
    });
    expect(links.find(({ ifname }) => ifname === "kx0")).toMatchObject({
      mtu: 1450,
      flags: expect.arrayContaining(["PROMISC", "UP"]),
    });
    expect((await b.links())[0]?.flags).not.toContain("UP");
    host.call("bridgeCheck", { ...plain, attached: {} });
    await host.netns.run("bridge", "link", "set", "dev", port.name, "hairpin", "off");
    await host.netns.run("ip", "link", "set", "kx0", "promisc", "off");
    expect(() => host.call("bridgeCheck", { ...plain, attached: {} })).toThrow(/not promiscuous; .* hairpin mode/);
  });

  it("asks about IPv6 addresses only if told to, and then tells when it knows", async () => {
    const [a, b] = [await host.pod(), await host.pod()];
    const first = request(a, "a", { duplicateDetection: true });
    expect(host.call("bridgeAttach", first).isSettled).toBe(false);
    const unsettled = (of: BridgeAttach) => host.call("bridgeUnsettled", { ...of, duplicateDetection: true });
    await vi.waitFor(() => expect(unsettled(first)).toEqual([]), { timeout: 30_000, interval: 50 });

    const twin = request(b, "b", { duplicateDetection: true, addresses: first.addresses.slice(1), routes: [] });
    host.call("bridgeAttach", twin);
    await vi.waitFor(() => expect(() => unsettled(twin)).toThrow("another host has fd00::2/64 of eth0"), {
      timeout: 30_000,
      interval: 50,
    });
  });

  it("refuses what is there already, and leaves it as it is", async () => {
    const [a, b] = [await host.pod(), await host.pod()];
    const options = { masquerade: "sets", spoofCheck: true } as const;
    host.call("bridgeAttach", request(a, "a", options));
    const before = [await netnsContents(host.netns), await netnsContents(a), await elementCount(host.netns)];
    expect(() => host.call("bridgeAttach", request(a, "a", options))).toThrow("attached to kxnet as eth0 already");
    expect(() => host.call("bridgeAttach", request(b, "a", options))).toThrow("already in another network namespace");
    expect(() => host.call("bridgeAttach", request(a, "c", options))).toThrow("has an interface eth0 already");
    expect([await netnsContents(host.netns), await netnsContents(a), await elementCount(host.netns)]).toEqual(before);
    await using _ = await serve(a, { port: 8080 });
    expect(await ask(host.netns, "10.1.0.2", { port: 8080 })).toBe("10.1.0.1");
  });

  it("takes back what a failed call has made", async () => {
    const pod = await host.pod();
    const fail = (more: Partial<BridgeAttach>, why: RegExp) => {
      const options = { masquerade: "sets", spoofCheck: true } as const;
      expect(() => host.call("bridgeAttach", request(pod, "a", { ...options, ...more }))).toThrow(why);
    };
    fail({ routes: [{ dst: "0.0.0.0/0", gw: "192.0.2.1" }] }, /cannot add the route .*: (ENETUNREACH|EINVAL)/);
    fail({ netns: "/proc/self/status" }, /KX_/);
    fail({ netns: "/nowhere" }, /KX_CNI_NETNS/);
    fail({ bridge: { name: "lo" } }, /lo is no bridge/);
    expect(await netnsContents(pod)).toEqual([]);
    expect(await shared(host.netns)).toEqual([]);
    expect(await elementCount(host.netns)).toBe(0);
  });

  it("says so where the kernel has no VLANs of bridges, and leaves nothing", async () => {
    const pod = await host.pod();
    // Also of a bridge that somebody else has made.
    await host.netns.run("ip", "link", "add", "kx1", "type", "bridge");
    for (const bridge of [{ name: "kx0" }, { name: "kx1", gateways: ["10.1.0.1/16"] }]) {
      const asked = request(pod, "a", {
        bridge,
        vlan: { native: 100, trunk: [{ first: 200, last: 210 }] },
        spoofCheck: true,
      });
      try {
        host.call("bridgeAttach", asked);
        // Other kernels have them.
        host.call("bridgeDetach", { owner: asked.owner, spoofCheck: true });
        await host.netns.run("ip", "link", "delete", bridge.gateways === undefined ? "kx0" : "kx1.100");
      } catch (error) {
        expect(String(error)).toMatch(/KX_CNI_UNSUPPORTED.*kx. cannot have VLANs on this kernel/);
      }
      expect(await netnsContents(pod)).toEqual([]);
      expect(await shared(host.netns)).toEqual([]);
      expect(await elementCount(host.netns)).toBe(0);
    }
  });

  it("replaces other addresses of the bridge only if told to", async () => {
    const pod = await host.pod();
    const attach = (gateways: readonly string[], forceAddress = false) => {
      const bridge = { name: "kx0", gateways, forceAddress };
      host.call("bridgeAttach", request(pod, "a", { bridge, addresses: [], routes: [] }));
      host.call("bridgeDetach", { owner: ownerOf("a") });
    };
    attach(["10.1.0.1/16", "fd00::1/64"]);
    attach(["10.1.0.1/16", "fd00::1/64"]);
    expect(() => attach(["10.2.0.1/16"])).toThrow("the bridge kx0 has 10.1.0.1/16, so it cannot have 10.2.0.1/16");
    expect(() => attach(["fd00::9/56"])).toThrow("KX_CNI_BRIDGE");
    attach(["fd01::1/64"]);
    expect(await host.netns.addresses("kx0")).toEqual(["10.1.0.1/16", "fd01::1/64", "fd00::1/64"]);
    attach(["10.2.0.1/16", "fd00::9/56"], true);
    expect(await host.netns.addresses("kx0")).toEqual(["10.2.0.1/16", "fd00::9/56", "fd01::1/64"]);
  });

  it("detaches what has lost its namespace, and what another plug-in has attached", async () => {
    const [a, b] = [await host.pod(), await host.pod()];
    const gone = request(a, "a", { masquerade: "sets" });
    host.call("bridgeAttach", gone);
    await a.dispose();
    host.call("bridgeDetach", { owner: gone.owner, netns: a.path, masquerade: true });
    expect(await elementCount(host.netns)).toBe(0);

    await host.netns.run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", b.path);
    host.call("bridgeDetach", { owner: ownerOf("b"), netns: b.path });
    expect(await netnsContents(b)).toEqual([]);
    await vi.waitFor(async () => expect(await shared(host.netns)).toEqual([]), { timeout: 20_000 });
  });

  it("tells all that is no longer as it was", async () => {
    const pod = await host.pod();
    const all = request(pod, "a", { masquerade: "sets", spoofCheck: true });
    const made = host.call("bridgeAttach", all);
    const attached = { bridgeMac: made.bridge.mac, containerMac: made.container.mac };
    const check = () => host.call("bridgeCheck", { ...all, attached });
    check();
    await pod.run("ip", "route", "add", "192.0.2.0/24", "dev", "eth0");
    check();
    await pod.run("ip", "address", "del", "10.1.0.2/16", "dev", "eth0");
    await pod.run("ip", "link", "set", "eth0", "address", "02:00:00:00:00:99");
    await host.netns.run("ip", "link", "set", made.host.name, "nomaster", "down");
    await host.netns.run("ip", "address", "del", "10.1.0.1/16", "dev", "kx0");
    await host.netns.run("nft", "flush", "ruleset");
    for (const part of [
      "the bridge kx0 has lost 10.1.0.1/16",
      `${made.host.name} is no port of kx0`,
      `${made.host.name} is down`,
      "eth0 has the address 02:00:00:00:00:99",
      "eth0 has lost 10.1.0.2/16",
      "the route to 0.0.0.0/0 is missing",
      "10.1.0.2 is not masqueraded",
      "other senders",
    ]) {
      expect(check, part).toThrow(part);
    }
    await host.netns.run("ip", "link", "del", "kx0");
    expect(check).toThrow("the bridge kx0 is missing");
    expect(made.host.name).toBe(hostEndName(all.owner));
  });

  it("lets only the container's own address send, if told to", async () => {
    const pod = await host.pod();
    const checked = request(pod, "a", { spoofCheck: true });
    const { container } = host.call("bridgeAttach", checked);
    await using _ = await serve(host.netns, { port: 8080 });
    expect(await ask(pod, "10.1.0.1", { port: 8080 })).toBe("10.1.0.2");
    const become = (mac: string) => pod.run("ip", "link", "set", "eth0", "address", mac);
    await become("02:00:00:00:00:66");
    expect(await ask(pod, "10.1.0.1", { port: 8080 }, 1500)).toBeUndefined();
    await become(container.mac);
    expect(await ask(pod, "10.1.0.1", { port: 8080 })).toBe("10.1.0.2");
    const other = await host.pod();
    host.call("bridgeAttach", request(other, "b", { spoofCheck: true }));
    expect(await elementCount(host.netns)).toBe(4);
    host.call("bridgeDetach", { owner: checked.owner, spoofCheck: true, mac: container.mac });
    expect(await elementCount(host.netns)).toBe(2);
    host.call("spoofCheckCollect", "kxnet", [ownerOf("b")]);
    expect(await elementCount(host.netns)).toBe(2);
    host.call("spoofCheckCollect", "kxnet", []);
    expect(await elementCount(host.netns)).toBe(0);
  });
});
