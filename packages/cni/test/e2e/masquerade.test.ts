import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { elementCount, makeHost, type TestHost } from "../support/host.ts";
import { ask, serve, serveAll } from "../support/traffic.ts";

let host: TestHost;
let outside: TestNetns;
beforeEach(async () => {
  host = await makeHost();
  // Somebody who knows the node alone.
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
});
afterEach(() => host[Symbol.asyncDispose]());

const ownerOf = (containerId: string, network = "kxnet") => ({ network, containerId, ifName: "eth0" });

async function attach(containerId: string, masquerade: "sets" | "upstream", last: number): Promise<TestNetns> {
  const pod = await host.pod();
  host.call("bridgeAttach", {
    owner: ownerOf(containerId),
    netns: pod.path,
    bridge: { name: "kx0", gateways: ["10.1.0.1/16", "fd00::1/64"] },
    addresses: [
      { address: `10.1.0.${last}/16`, gateway: "10.1.0.1" },
      { address: `fd00::${last}/64`, gateway: "fd00::1" },
    ],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    masquerade,
  });
  return pod;
}

const addressesOf = (last: number) => [`10.1.0.${last}/16`, `fd00::${last}/64`];

describe.each(["sets", "upstream"] as const)("masquerading by %s", (kind) => {
  it("lets a pod out as the node, but not to pods of its subnet", async () => {
    const [a, b] = [await attach("a", kind, 2), await attach("b", kind, 3)];
    await using _ = await serveAll(
      [outside, { port: 80 }],
      [outside, { port: 53, transport: "udp" }],
      [b, { port: 80 }],
    );
    expect(await ask(a, "192.0.2.2", { port: 80 })).toBe("192.0.2.1");
    expect(await ask(a, "192.0.2.2", { port: 53, transport: "udp" })).toBe("192.0.2.1");
    expect(await ask(a, "2001:db8::2", { port: 80 })).toBe("2001:db8::1");
    expect(await ask(a, "10.1.0.3", { port: 80 })).toBe("10.1.0.2");
    expect(await ask(a, "fd00::3", { port: 80 })).toBe("fd00::2");
  });
});

describe("masquerading", () => {
  it("is one rule a subnet and one element a pod, as nft shows", async () => {
    await attach("a", "sets", 2);
    const rulesOf = async () =>
      (await host.netns.run("nft", "list", "chain", "inet", "kx_masquerade", "postrouting")).split("\n");
    const before = await rulesOf();
    expect(before.map((line) => line.trim().replaceAll(/pods_\w+/g, "pods"))).toEqual([
      "table inet kx_masquerade {",
      "chain postrouting {",
      "type nat hook postrouting priority srcnat; policy accept;",
      "ip daddr 224.0.0.0/4 return",
      "ip6 daddr ff00::/8 return",
      'ip saddr @pods ip daddr != 10.1.0.0/16 masquerade comment "kxnet pods"',
      'ip6 saddr @pods ip6 daddr != fd00::/64 masquerade comment "kxnet pods"',
      "}",
      "}",
      "",
    ]);
    await attach("b", "sets", 3);
    expect(await rulesOf()).toEqual(before);
    expect(await elementCount(host.netns)).toBe(4);
    expect(await host.netns.run("nft", "list", "table", "inet", "kx_masquerade")).toContain(
      '10.1.0.3 comment "kxnet b eth0"',
    );
  });

  it("keeps an address that is another's by now", async () => {
    await attach("a", "sets", 2);
    host.call("bridgeDetach", { owner: ownerOf("a") });
    expect(await elementCount(host.netns)).toBe(2);
    await attach("b", "sets", 2);
    host.call("bridgeDetach", { owner: ownerOf("a"), addresses: addressesOf(2), masquerade: true });
    host.call("bridgeDetach", { owner: ownerOf("a"), masquerade: true });
    expect(await elementCount(host.netns)).toBe(2);
    host.call("bridgeDetach", { owner: ownerOf("b"), masquerade: true });
    expect(await elementCount(host.netns)).toBe(0);
  });

  it("collects what no attachment has, of one network alone", async () => {
    await attach("a", "sets", 2);
    await attach("b", "sets", 3);
    await attach("c", "upstream", 4);
    const count = async () =>
      (await host.netns.run("nft", "list", "ruleset")).match(/comment "[^"]*[ :][abc]\b/g)?.length ?? 0;
    const all = await count();
    host.call("masqueradeCollect", "other", []);
    host.call("upstreamMasqueradeCollect", "other", []);
    expect(await count()).toBe(all);
    host.call("masqueradeCollect", "kxnet", [ownerOf("b")]);
    expect(await elementCount(host.netns)).toBe(2);
    host.call("upstreamMasqueradeCollect", "kxnet", [ownerOf("c")]);
    expect(await host.netns.run("nft", "list", "ruleset")).toMatch(/net: kxnet, if: eth0, id: c"/);
    host.call("upstreamMasqueradeCollect", "kxnet", []);
    expect(await host.netns.run("nft", "list", "ruleset")).not.toMatch(/id: c/);
  });

  it("removes the rules of the other layout too, and fills in tables that somebody has deleted", async () => {
    await attach("a", "upstream", 2);
    host.call("bridgeDetach", { owner: ownerOf("a"), addresses: addressesOf(2), masquerade: true });
    expect(await host.netns.run("nft", "list", "ruleset")).not.toContain("id: a");
    await attach("b", "sets", 3);
    await host.netns.run("nft", "flush", "ruleset");
    host.call("bridgeDetach", { owner: ownerOf("b"), addresses: addressesOf(3), masquerade: true });
    const pod = await attach("c", "sets", 4);
    await using _ = await serve(outside, { port: 80 });
    expect(await ask(pod, "192.0.2.2", { port: 80 })).toBe("192.0.2.1");
    expect(await netnsContents(host.netns)).toContain("table inet kx_masquerade");
  });
});
