import { closeSync, openSync } from "node:fs";
import { inNetns } from "@kx/core/linux";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deleteAddress, newAddress } from "../../src/rtnl/address-codec.ts";
import { addAltName, deleteLink, deleteLinkGroup, newLink, setLink } from "../../src/rtnl/link-codec.ts";
import { deleteNeighbour, deleteRoute, newNeighbour, newRoute } from "../../src/rtnl/route-codec.ts";
import { openRtnl, type Rtnl } from "../../src/rtnl/rtnl.ts";
import { deleteQdisc, newIngress, redirectIngress, setTokenBucket } from "../../src/rtnl/traffic-codec.ts";
import { makeNetns, type TestNetns } from "../../src/testing/netns.ts";

let netns: TestNetns;
let rtnl: Rtnl;
beforeEach(async () => {
  netns = await makeNetns();
  rtnl = openRtnl(netns.path);
});
afterEach(async () => {
  rtnl[Symbol.dispose]();
  await netns.dispose();
});

const shownOf = async (name: string) => (await netns.links()).find(({ ifname }) => ifname === name);

describe("rtnetlink, as ip(8) sees it", () => {
  it("makes links of each kind, with what they are set to", async () => {
    rtnl.request(
      newLink({ name: "br0", mac: "02:00:00:00:00:01", txQueueLength: 7, promiscuous: true, kind: { kind: "bridge" } }),
      newLink({ name: "ifb7", up: true, kind: { kind: "ifb" } }),
    );
    const parent = rtnl.link("ifb7").index;
    rtnl.request(
      newLink({ name: "mac0", mtu: 1400, allMulticast: true, kind: { kind: "macvlan", parent, mode: "bridge" } }),
    );
    expect(await shownOf("br0")).toMatchObject({
      address: "02:00:00:00:00:01",
      txqlen: 7,
      promiscuity: 1,
      linkinfo: { info_kind: "bridge" },
    });
    expect(await shownOf("ifb7")).toMatchObject({
      flags: expect.arrayContaining(["UP"]),
      linkinfo: { info_kind: "ifb" },
    });
    expect(await shownOf("mac0")).toMatchObject({
      mtu: 1400,
      flags: expect.arrayContaining(["ALLMULTI"]),
      linkinfo: { info_kind: "macvlan", info_data: { mode: "bridge" } },
    });
    expect(rtnl.link("mac0")).toMatchObject({ kind: "macvlan", mtu: 1400, linked: parent, allMulticast: true });
    expect(rtnl.link("br0")).toMatchObject({ isPromiscuous: true, txQueueLength: 7, isUp: false });
  });

  it("puts a peer into another namespace, renames, adds names, and lists ports alone", async () => {
    await using other = await makeNetns("other");
    const fd = openSync(other.path, "r");
    rtnl.request(
      newLink({ name: "br0", up: true, kind: { kind: "bridge" } }),
      newLink({
        name: "a",
        kind: { kind: "veth", peer: { name: "eth0", mac: "02:00:00:00:00:09", mtu: 1300, netnsFd: fd } },
      }),
      newLink({ name: "b", kind: { kind: "veth", peer: { name: "c" } } }),
    );
    closeSync(fd);
    expect((await other.links())[0]).toMatchObject({ ifname: "eth0", address: "02:00:00:00:00:09", mtu: 1300 });
    const [bridge, link] = [rtnl.link("br0"), rtnl.link("a")];
    rtnl.request(
      setLink("a", { master: bridge.index }),
      setLink(link.index, { name: "renamed", group: 5 }),
      addAltName(link.index, "a-name-longer-than-fifteen-letters"),
    );
    expect(await shownOf("renamed")).toMatchObject({
      master: "br0",
      group: "5",
      altnames: ["a-name-longer-than-fifteen-letters"],
    });
    expect(rtnl.links({ master: bridge.index }).map(({ name }) => name)).toEqual(["renamed"]);
    expect(rtnl.links().map(({ name }) => name)).toEqual(expect.arrayContaining(["lo", "br0", "renamed", "b", "c"]));
    expect(rtnl.link("renamed")).toMatchObject({ group: 5, altNames: ["a-name-longer-than-fifteen-letters"] });
    rtnl.request(setLink("renamed", { master: 0 }));
    expect((await shownOf("renamed"))?.master).toBeUndefined();
  });

  it("deletes a group at once, and nothing else", async () => {
    rtnl.request(
      ...[1, 2, 3].map((each) =>
        newLink({ name: `v${each}`, group: each === 3 ? 8 : 9, kind: { kind: "veth", peer: { name: `p${each}` } } }),
      ),
    );
    rtnl.request(deleteLinkGroup(9));
    expect((await netns.links()).map(({ ifname }) => ifname).toSorted()).toEqual(["p3", "v3"]);
    rtnl.request(deleteLink("v3"));
    expect(rtnl.findLink("v3")).toBeUndefined();
    expect(() => rtnl.link("v3")).toThrow("there is no link v3");
  });

  it("gives and takes addresses, routes and neighbours", async () => {
    rtnl.request(
      newLink({ name: "v", up: true, kind: { kind: "veth", peer: { name: "p" } } }),
      setLink("p", { up: true }),
    );
    const { index } = rtnl.link("v");
    const all = [
      newAddress({ index, address: "10.1.0.1/24" }),
      newAddress({ index, address: "10.1.1.1/31" }),
      newAddress({ index, address: "fd00::1/64", noDad: true }),
      newRoute({ index, destination: "10.2.0.0/24", gateway: "10.1.0.9", mtu: 1300, advmss: 1200, priority: 5 }),
      newRoute({ index, destination: "10.3.0.0/24", gateway: "172.16.0.1", onLink: true, source: "10.1.0.1" }),
      newRoute({ index, destination: "10.4.0.0/24", gateway: "fd00::9" }),
      newRoute({ index, destination: "10.5.0.0/24", table: 5000 }),
      newRoute({ index, destination: "fd01::/64", gateway: "fd00::8" }),
      newRoute({ index, destination: "fd01::/64", gateway: "fd00::9" }, "append"),
      newNeighbour({ index, ip: "10.1.0.9", mac: "02:00:00:00:00:09" }),
    ];
    rtnl.request(...all);
    expect(await netns.addresses("v")).toEqual(["10.1.0.1/24", "10.1.1.1/31", "fd00::1/64"]);
    expect(await netns.run("ip", "address", "show", "v")).toMatch(/10.1.0.1\/24 brd 10.1.0.255[^]*10.1.1.1\/31 scope/);
    expect(await netns.routes()).toEqual([
      "10.2.0.0/24 via 10.1.0.9 dev v metric 5 mtu 1300 advmss 1200",
      "10.3.0.0/24 via 172.16.0.1 dev v src 10.1.0.1 onlink",
      "10.4.0.0/24 via inet6 fd00::9 dev v",
    ]);
    expect(await netns.run("ip", "route", "show", "table", "5000")).toMatch(/^10.5.0.0\/24 dev v scope link/);
    expect(await netns.run("ip", "-6", "route", "show", "fd01::/64")).toMatch(
      /nexthop via fd00::8.*\n.*nexthop via fd00::9/,
    );
    expect(
      rtnl
        .routes({ family: 6 })
        .filter(({ destination }) => destination === "fd01::/64")
        .map(({ gateway }) => gateway),
    ).toEqual(["fd00::8", "fd00::9"]);
    expect(rtnl.routes({ table: 5000 })).toMatchObject([{ destination: "10.5.0.0/24", index, scope: 253 }]);
    expect(rtnl.routes({ table: 254 }).find(({ destination }) => destination === "10.2.0.0/24")).toMatchObject({
      gateway: "10.1.0.9",
      mtu: 1300,
      advmss: 1200,
      priority: 5,
    });
    expect(rtnl.addresses({ index, family: 4 }).map(({ address }) => address)).toEqual(["10.1.0.1/24", "10.1.1.1/31"]);
    expect(rtnl.findAddress6(index, "fd00::1")).toMatchObject({ address: "fd00::1/64", isTentative: false });
    expect(rtnl.findAddress6(index, "fd00::2")).toBeUndefined();
    expect(await netns.run("ip", "neighbour", "show", "dev", "v")).toContain(
      "10.1.0.9 lladdr 02:00:00:00:00:09 PERMANENT",
    );
    rtnl.request(
      deleteNeighbour({ index, ip: "10.1.0.9" }),
      deleteRoute({ index, destination: "10.2.0.0/24", priority: 5, gateway: "10.1.0.9" }),
      deleteAddress({ index, address: "10.1.1.1/31" }),
    );
    expect(await netns.run("ip", "neighbour", "show", "dev", "v")).not.toContain("10.1.0.9");
    expect((await netns.routes()).length).toBe(2);
    expect(await netns.addresses("v")).toEqual(["10.1.0.1/24", "fd00::1/64"]);
  });

  it("limits what goes out, and what comes in by way of another link", async () => {
    rtnl.request(
      newLink({ name: "v", up: true, kind: { kind: "veth", peer: { name: "p" } } }),
      newLink({ name: "ifb7", up: true, kind: { kind: "ifb" } }),
    );
    const [{ index }, ifb] = [rtnl.link("v"), rtnl.link("ifb7")];
    const limit = { bytesPerSecond: 1_000_000, burstBytes: 100_000, latencyMs: 25 };
    rtnl.request(
      setTokenBucket(index, { ...limit, bytesPerSecond: 5 }),
      setTokenBucket(index, limit),
      setTokenBucket(ifb.index, { ...limit, bytesPerSecond: 10_000_000_000 }),
      newIngress(index),
      redirectIngress(index, ifb.index),
    );
    const qdiscs = await netns.run("tc", "qdisc", "show");
    expect(qdiscs).toMatch(
      /qdisc tbf 1: dev v root .*rate 8Mbit burst 10\d{4}b lat 25ms|qdisc tbf 1: dev v root .*rate 8Mbit burst 100000b/,
    );
    expect(qdiscs).toMatch(/qdisc tbf 1: dev ifb7 root .*rate 80Gbit/);
    expect(qdiscs).toContain("qdisc ingress ffff: dev v");
    const filters = await netns.run("tc", "filter", "show", "dev", "v", "parent", "ffff:");
    expect(filters).toMatch(/u32[^]*match 00000000\/00000000 at 0[^]*mirred \(Egress Redirect to device ifb7\) stolen/);
    rtnl.request(deleteQdisc(index, "root"), deleteQdisc(index, "ingress"));
    expect(await netns.run("tc", "qdisc", "show", "dev", "v")).not.toMatch(/tbf|ingress/);
  });

  it("says what was attempted, what the kernel says, and goes on with the rest of a datagram", () => {
    expect(() =>
      rtnl.request(
        newLink({ name: "x", kind: { kind: "bridge" } }),
        newLink({ name: "x", kind: { kind: "bridge" } }),
        newLink({ name: "y", kind: { kind: "bridge" } }),
      ),
    ).toThrow("cannot make the bridge x: EEXIST");
    expect(rtnl.findLink("y")).toBeDefined();
    const answers = rtnl.request({ ...deleteLink("nothing"), expect: ["ENODEV"] }, deleteLink("y"));
    expect(answers.map(({ failed }) => failed)).toEqual(["ENODEV", undefined]);
    const unreachable = newRoute({ index: rtnl.link("x").index, destination: "10.2.0.0/24", gateway: "192.0.2.1" });
    expect(() => rtnl.request(unreachable)).toThrow(/cannot add the route 10.2.0.0\/24 via 192.0.2.1 .*: E\w+ \(.+\)/);
    expect(() => rtnl.request(newLink({ name: "m", mac: "nonsense", kind: { kind: "bridge" } }))).toThrow(
      "no MAC address",
    );
  });

  it("stays in the namespace it was opened in", () => {
    using here = inNetns(netns.path, () => openRtnl());
    here.request(newLink({ name: "only0", kind: { kind: "bridge" } }));
    expect(rtnl.findLink("only0")).toBeDefined();
    using outside = openRtnl();
    expect(outside.findLink("only0")).toBeUndefined();
  });
});
