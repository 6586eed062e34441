// What becomes of attachments to a bridge: DEL in every state, a second ADD, CHECK, STATUS and GC.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { JsonObject } from "@kx/core/contracts/cni";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostEndName } from "../../src/net/owner.ts";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { elementCount, shared } from "../support/host.ts";
import { makePodNetwork, type PodNetwork } from "../support/pod-network.ts";
import { ask, serve } from "../support/traffic.ts";

let network: PodNetwork;
let host: TestNetns;
let config: JsonObject;
beforeEach(async () => {
  network = await makePodNetwork();
  host = network.host.netns;
  const ipam = network.ipam("10.1.0.0/16", "fd00::/64");
  config = { bridge: "kx0", isDefaultGateway: true, ipMasq: true, macspoofchk: true, ipam };
});
afterEach(() => network[Symbol.asyncDispose]());

const whole = ["10.1.0.2", "fd00::2"];
const nothing = { pod: [], host: [], elements: 0, leases: [] };

async function attach(containerId: string, more: JsonObject = {}) {
  const pod = await network.host.pod();
  const result = await network.ok({ command: "ADD", containerId, netns: pod.path, config: { ...config, ...more } });
  return { pod, result, chained: { ...config, ...more, prevResult: result as unknown as JsonObject } };
}

/** All that an attachment leaves somewhere. */
async function seen(pod: TestNetns, name = "kxnet") {
  return {
    pod: await netnsContents(pod),
    host: await shared(host),
    elements: await elementCount(host),
    leases: network.leases(name).toSorted(),
  };
}

describe("DEL", () => {
  it("takes all away, also twice, and of what was never added", async () => {
    const { pod, chained } = await attach("a");
    for (let times = 0; times < 2; times++) {
      expect(await network.run({ command: "DEL", netns: pod.path, config: chained })).toEqual({
        exitCode: 0,
        output: undefined,
      });
      expect(await seen(pod)).toEqual(nothing);
    }
    await network.ok({ command: "DEL", containerId: "never", netns: pod.path, config });
  });

  it("needs neither a namespace nor the result of ADD", async () => {
    const { pod } = await attach("a");
    await network.ok({ command: "DEL", config });
    expect(await seen(pod)).toEqual(nothing);
  });

  it("works after the namespace is gone", async () => {
    const [a, b] = [await attach("a"), await attach("b")];
    await a.pod.dispose();
    await network.ok({ command: "DEL", netns: a.pod.path, config: a.chained });
    expect(network.leases().toSorted()).toEqual(["10.1.0.3", "fd00::3"]);
    expect(await elementCount(host)).toBe(4);
    await network.ok({ command: "DEL", containerId: "b", netns: b.pod.path, config });
    expect(await seen(b.pod)).toEqual(nothing);
  });

  it("takes what another plug-in has attached, but nothing of another network of ours", async () => {
    const { pod } = await attach("a");
    const before = await seen(pod);
    await network.ok({ command: "DEL", netns: pod.path, config: { ...config, name: "other" } });
    expect(await seen(pod)).toEqual(before);
    await network.ok({ command: "DEL", netns: pod.path, config });
    await host.run("ip", "link", "add", "veth0a1b2c3d", "type", "veth", "peer", "name", "eth0", "netns", pod.path);
    await network.ok({ command: "DEL", netns: pod.path, config });
    await expect.poll(() => seen(pod), { timeout: 20_000 }).toEqual(nothing);
  });
});

describe("a second ADD", () => {
  const works = async (pod: TestNetns) => {
    await using _ = await serve(pod, { port: 80 });
    expect(await ask(host, "10.1.0.2", { port: 80 })).toBe("10.1.0.1");
    expect(await ask(host, "fd00::2", { port: 80 })).toBe("fd00::1");
  };

  it("fails and leaves the first whole", async () => {
    const { pod, chained } = await attach("a");
    const before = await seen(pod);
    expect(before.leases).toEqual(whole);
    expect(await network.fails({ command: "ADD", netns: pod.path, config })).toMatchObject({
      msg: expect.stringContaining("KX_CNI_LEASE_EXISTS"),
    });
    const elsewhere = await network.host.pod();
    await network.fails({ command: "ADD", netns: elsewhere.path, config });
    expect(await seen(pod)).toEqual(before);
    await network.ok({ command: "CHECK", netns: pod.path, config: chained });
    await works(pod);
  });

  it("fails so too where address management would give the same again", async () => {
    const addresses = [
      { address: "10.1.0.2/16", gateway: "10.1.0.1" },
      { address: "fd00::2/64", gateway: "fd00::1" },
    ];
    const { pod } = await attach("a", { ipam: { type: "kx-static", addresses } });
    const before = await seen(pod);
    const again = { ...config, ipam: { type: "kx-static", addresses } };
    expect(await network.fails({ command: "ADD", netns: pod.path, config: again })).toMatchObject({
      msg: "[KX_CNI_INTERFACE] the container a is attached to kxnet as eth0 already",
      details: "delete that attachment first",
    });
    expect(await seen(pod)).toEqual(before);
    await works(pod);
  });

  it("of another container does not take the interface of the first", async () => {
    const { pod, chained } = await attach("a");
    const before = await seen(pod);
    const call = { containerId: "b", netns: pod.path, config } as const;
    expect(await network.fails({ command: "ADD", ...call })).toMatchObject({
      msg: "[KX_CNI_INTERFACE] the container b has an interface eth0 already",
    });
    // As a runtime does after an ADD that failed.
    await network.ok({ command: "DEL", ...call });
    expect(await seen(pod)).toEqual(before);
    await network.ok({ command: "CHECK", netns: pod.path, config: chained });
  });

  it("wins once among 50 at the same time", async () => {
    const pod = await network.host.pod();
    const call = { command: "ADD", netns: pod.path, config } as const;
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => network.run(call)));
    expect(outcomes.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
    const { leases, elements, pod: links } = await seen(pod);
    expect({ leases, elements, links }).toEqual({ leases: whole, elements: 4, links: ["link eth0 veth"] });
    const winner = outcomes.find(({ exitCode }) => exitCode === 0)?.output as JsonObject;
    await network.ok({ command: "CHECK", netns: pod.path, config: { ...config, prevResult: winner } });
    await works(pod);
  });

  it("wins once among 50 without address management too", async () => {
    const pod = await network.host.pod();
    const call = { command: "ADD", netns: pod.path, config: { bridge: "kx0" } } as const;
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => network.run(call)));
    expect(outcomes.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
    expect(await netnsContents(pod)).toEqual(["link eth0 veth"]);
  });

  it("of many containers at the same time gives each its own", async () => {
    const pods = await Promise.all(Array.from({ length: 12 }, () => network.host.pod()));
    const results = await Promise.all(
      pods.map(({ path }, at) => network.ok({ command: "ADD", containerId: `c${at}`, netns: path, config })),
    );
    expect(new Set(results.flatMap(({ ips }) => ips?.map(({ address }) => address))).size).toBe(24);
    await Promise.all(pods.map((_, at) => network.ok({ command: "DEL", containerId: `c${at}`, config })));
    for (const pod of pods) expect(await seen(pod)).toEqual(nothing);
  });
});

describe("an ADD that is given up", () => {
  it("leaves nothing", async () => {
    const pod = await network.host.pod();
    const bare = { bridge: "kx0", macspoofchk: true };
    const call = { command: "ADD", netns: pod.path, config: bare, signal: AbortSignal.abort() } as const;
    expect(await network.fails(call)).toMatchObject({ code: 11 });
    expect(await seen(pod)).toEqual(nothing);
  });
});

describe("CHECK", () => {
  it("asks address management too", async () => {
    const { pod, chained } = await attach("a");
    const check = { command: "CHECK", netns: pod.path, config: chained } as const;
    await network.ok(check);
    rmSync(join(network.dataDir, "kxnet", "10.1.0.2"));
    expect(await network.fails(check)).toMatchObject({ msg: expect.stringContaining("KX_CNI_LEASE_MISSING") });
  });

  it("tells all that is gone, and minds nothing that was added", async () => {
    const { pod, chained } = await attach("a");
    const check = { command: "CHECK", netns: pod.path, config: chained } as const;
    await pod.run("ip", "route", "add", "192.0.2.0/24", "via", "10.1.0.9");
    await pod.run("ip", "address", "add", "10.9.0.1/24", "dev", "eth0");
    await network.ok(check);
    await pod.run("ip", "route", "del", "default");
    await pod.run("ip", "address", "del", "fd00::2/64", "dev", "eth0");
    await host.run("ip", "address", "del", "10.1.0.1/16", "dev", "kx0");
    await host.run("nft", "flush", "ruleset");
    const { code, msg } = await network.fails(check);
    expect(code).toBe(999);
    for (const part of [
      "[KX_CNI_CHECK] eth0 of a: ",
      "the bridge kx0 has lost 10.1.0.1/16",
      "eth0 has lost fd00::2/64",
      "the route to 0.0.0.0/0 via 10.1.0.1 is missing",
      "10.1.0.2 is not masqueraded",
      "other senders than",
    ]) {
      expect(msg).toContain(part);
    }
  });

  it("fails for a namespace that is gone, and without the result of ADD", async () => {
    const { pod, chained } = await attach("a");
    expect(await network.fails({ command: "CHECK", netns: pod.path, config })).toMatchObject({ code: 7 });
    await pod.dispose();
    expect(await network.fails({ command: "CHECK", netns: pod.path, config: chained })).toMatchObject({ code: 8 });
  });
});

describe("STATUS", () => {
  it("is that of address management", async () => {
    const ipam = network.ipam("10.1.0.0/30");
    await network.ok({ command: "STATUS", config: { ...config, ipam } });
    await attach("a", { ipam });
    expect(await network.fails({ command: "STATUS", config: { ...config, ipam } })).toMatchObject({ code: 50 });
    expect(readdirSync(join(network.dataDir, "kxnet"))).toContain("10.1.0.2");
  });
});

describe("GC", () => {
  const gc = (valid: readonly JsonObject[] | null | undefined, more: JsonObject = {}) =>
    network.ok({
      command: "GC",
      config: { ...config, ...more, ...(valid === undefined ? {} : { "cni.dev/valid-attachments": valid }) },
    });
  const ends = async () => (await host.links()).filter(({ ifname }) => ifname.startsWith("veth"));
  const endOf = (containerId: string, name = "kxnet") => hostEndName({ network: name, containerId, ifName: "eth0" });

  it("removes what is not listed, and nothing of other networks", async () => {
    const [a, b] = [await attach("a"), await attach("b")];
    // The same bridge and subnets of IPv6 that do not overlap.
    const other = await attach("a", { name: "other", ipam: network.ipam("fd01::/64") });
    await gc([{ containerID: "b", ifname: "eth0" }]);
    expect((await ends()).map(({ ifname }) => ifname).toSorted()).toEqual([endOf("b"), endOf("a", "other")].toSorted());
    expect(network.leases().toSorted()).toEqual(["10.1.0.3", "fd00::3"]);
    expect(network.leases("other")).toEqual(["fd01::2"]);
    expect(await netnsContents(a.pod)).toEqual([]);
    await network.ok({ command: "CHECK", containerId: "b", netns: b.pod.path, config: b.chained });
    await network.ok({ command: "CHECK", netns: other.pod.path, config: other.chained });
    await gc(null);
    expect(network.leases()).toEqual([]);
    await network.ok({ command: "CHECK", netns: other.pod.path, config: other.chained });
    await gc([], { name: "other", ipam: network.ipam("fd01::/64") });
    expect(await seen(other.pod, "other")).toEqual(nothing);
  });

  it.each(["sets", "upstream"])("without a list removes what has lost its namespace: %s", async (ipMasqLayout) => {
    const [gone, alive] = [await attach("a", { ipMasqLayout }), await attach("b", { ipMasqLayout })];
    await gone.pod.dispose();
    // The folder that the namespace was in is there, so it is not merely out of sight.
    mkdirSync(dirname(gone.pod.path));
    await expect.poll(async () => (await ends()).length, { timeout: 20_000 }).toBe(1);
    await gc(undefined, { ipMasqLayout });
    rmSync(dirname(gone.pod.path), { recursive: true });
    expect(network.leases().toSorted()).toEqual(["10.1.0.3", "fd00::3"]);
    const rules = await host.run("nft", "list", "ruleset");
    expect(rules).toMatch(/kxnet b eth0|id: b/);
    expect(rules).not.toMatch(/kxnet a eth0|id: a/);
    await network.ok({ command: "CHECK", containerId: "b", netns: alive.pod.path, config: alive.chained });
  });

  it("goes on after a failure, and tells it", async () => {
    const { pod } = await attach("a");
    const failure = await network.fails({
      command: "GC",
      config: { ...config, ipam: { type: "nowhere" }, "cni.dev/valid-attachments": [] },
    });
    expect(failure.msg).toContain("[KX_CNI_PLUGIN_MISSING]");
    expect(await netnsContents(pod)).toEqual([]);
    expect(await elementCount(host)).toBe(0);
  });
});
