import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HostPorts } from "../../src/net/host-ports.ts";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { elementCount, makeHost, type TestHost } from "../support/host.ts";
import { ask, serve, serveAll } from "../support/traffic.ts";

let host: TestHost;
let outside: TestNetns;
beforeEach(async () => {
  host = await makeHost();
  outside = await host.pod();
  await host.netns.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", outside.path);
  for (const [netns, last] of [
    [host.netns, 1],
    [outside, 2],
  ] as const) {
    await netns.run("ip", "address", "add", `192.0.2.${last}/24`, "dev", "up0");
    await netns.run("ip", "address", "add", `2001:db8::${last}/64`, "dev", "up0", "nodad");
    await netns.run("ip", "link", "set", "up0", "up");
  }
  await host.netns.run("ip", "address", "add", "192.0.2.3/24", "dev", "up0");
});
afterEach(() => host[Symbol.asyncDispose]());

const ownerOf = (containerId: string) => ({ network: "kxnet", containerId, ifName: "eth0" });

async function attach(containerId: string, last: number): Promise<TestNetns> {
  const pod = await host.pod();
  host.call("bridgeAttach", {
    owner: ownerOf(containerId),
    netns: pod.path,
    bridge: { name: "kx0", gateways: ["10.1.0.1/16", "fd00::1/64"] },
    hairpin: true,
    addresses: [
      { address: `10.1.0.${last}/16`, gateway: "10.1.0.1" },
      { address: `fd00::${last}/64`, gateway: "fd00::1" },
    ],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
  });
  return pod;
}

function portsOf(containerId: string, last: number, ports: HostPorts["ports"], netns = outside): HostPorts {
  return {
    owner: ownerOf(containerId),
    netns: netns.path,
    addresses: [`10.1.0.${last}`, `fd00::${last}`],
    ports,
  };
}

describe("ports of the node", () => {
  it("lead to a container from outside, from the node, from itself and from others of its bridge", async () => {
    const [a, b] = [await attach("a", 2), await attach("b", 3)];
    const ports = portsOf("a", 2, [
      { hostPort: 8080, containerPort: 80, protocol: "tcp" },
      { hostPort: 5353, containerPort: 53, protocol: "udp" },
    ]);
    host.call("hostPortsAdd", ports);
    expect(host.call("hostPortsCheck", ports)).toEqual([]);
    await using _ = await serveAll([a, { port: 80 }], [a, { port: 53, transport: "udp" }]);
    const [tcp, udp] = [{ port: 8080 }, { port: 5353, transport: "udp" }] as const;
    expect(await ask(outside, "192.0.2.1", tcp)).toBe("192.0.2.2");
    expect(await ask(outside, "192.0.2.1", udp)).toBe("192.0.2.2");
    expect(await ask(outside, "2001:db8::1", tcp)).toBe("2001:db8::2");
    expect(await ask(host.netns, "192.0.2.1", tcp)).toBeDefined();
    expect(await ask(host.netns, "127.0.0.1", tcp)).toBe("10.1.0.1");
    // The kernel lets nothing of ::1 leave the node: those who ask there turn to 127.0.0.1 at once.
    await expect(ask(host.netns, "::1", tcp)).rejects.toThrow("ECONNREFUSED");
    expect(await ask(host.netns, "localhost", tcp)).toBe("10.1.0.1");
    // The container itself: without the node's address in between it would answer itself directly.
    expect(await ask(a, "192.0.2.1", tcp)).toBe("10.1.0.1");
    expect(await ask(b, "192.0.2.1", tcp)).toBe("10.1.0.3");
    host.call("hostPortsDelete", ports);
    expect(await elementCount(host.netns)).toBe(0);
    await expect(ask(outside, "192.0.2.1", tcp)).rejects.toThrow("ECONNREFUSED");
  });

  it("may be those of one address, before those of all", async () => {
    const [a, b] = [await attach("a", 2), await attach("b", 3)];
    const place = { hostPort: 8080, containerPort: 80, protocol: "tcp" } as const;
    host.call("hostPortsAdd", portsOf("a", 2, [{ ...place, hostIp: "0.0.0.0" }]));
    host.call("hostPortsAdd", portsOf("b", 3, [{ ...place, hostIp: "192.0.2.3" }]));
    await using servers = new AsyncDisposableStack();
    servers.use(await serve(a, { port: 80 }));
    expect(await ask(outside, "192.0.2.1", { port: 8080 })).toBe("192.0.2.2");
    await expect(ask(outside, "192.0.2.3", { port: 8080 })).rejects.toThrow("ECONNREFUSED");
    servers.use(await serve(b, { port: 80 }));
    expect(await ask(outside, "192.0.2.3", { port: 8080 })).toBe("192.0.2.2");
    // Addresses of IPv4 are none of an IPv6 address.
    const listed = await host.netns.run("nft", "list", "map", "inet", "kx_host_ports", "on_one4");
    expect(listed).toContain(`192.0.2.3 . tcp . 8080 comment "kxnet b eth0 ${outside.inode}" : 10.1.0.3 . 80`);
    await expect(ask(outside, "2001:db8::1", { port: 8080 })).rejects.toThrow("ECONNREFUSED");
  });

  it("are another's only when the one that has them is gone", async () => {
    const pods = [await host.pod(), await host.pod()];
    const place = { hostPort: 8080, containerPort: 80, protocol: "tcp" } as const;
    const [old, young] = [portsOf("a", 2, [place], pods[0]), portsOf("b", 3, [place], pods[1])];
    host.call("hostPortsAdd", old);
    expect(() => host.call("hostPortsAdd", young)).toThrow(
      "the node's port 8080/tcp is that of the container a (eth0 of kxnet)",
    );
    expect(() => host.call("hostPortsAdd", old)).toThrow("KX_CNI_HOST_PORT");
    expect(host.call("hostPortsCheck", old)).toEqual([]);
    await pods[0]?.dispose();
    host.call("hostPortsAdd", young);
    expect(host.call("hostPortsCheck", old)).toEqual(
      expect.arrayContaining(["the node's port 8080/tcp is that of the container b (eth0 of kxnet)"]),
    );
    // What is left of the old one is not the young one's.
    host.call("hostPortsDelete", old);
    host.call("hostPortsDelete", { owner: old.owner });
    expect(host.call("hostPortsCheck", young)).toEqual([]);
    host.call("hostPortsCollect", { network: "other", valid: [] });
    host.call("hostPortsCollect", { network: "kxnet", valid: [young.owner] });
    host.call("hostPortsCollect", { network: "kxnet" });
    expect(host.call("hostPortsCheck", young)).toEqual([]);
    await pods[1]?.dispose();
    host.call("hostPortsCollect", { network: "kxnet" });
    expect(await elementCount(host.netns)).toBe(0);
    expect(await netnsContents(host.netns)).toContain("table inet kx_host_ports");
    await host.netns.run("nft", "flush", "ruleset");
    expect(host.call("hostPortsCheck", portsOf("b", 3, []))).toHaveLength(4);
  });

  it("tell whose they are also where names are long", async () => {
    const owner = { network: "n".repeat(60), containerId: "c".repeat(64), ifName: "eth0" };
    const ports = { ...portsOf("a", 2, [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }]), owner };
    host.call("hostPortsAdd", ports);
    expect(host.call("hostPortsCheck", ports)).toEqual([]);
    expect(() => host.call("hostPortsAdd", { ...ports, owner: ownerOf("b") })).toThrow("is that of another container");
    host.call("hostPortsCollect", { network: owner.network, valid: [owner] });
    expect(host.call("hostPortsCheck", ports)).toEqual([]);
    host.call("hostPortsDelete", { owner });
    expect(await elementCount(host.netns)).toBe(0);
  });
});
