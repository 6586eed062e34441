import { expect, it } from "vitest";
import { planMasquerade } from "../../src/node-network/plan-masquerade.ts";
import { planRoutes } from "../../src/node-network/plan-routes.ts";
import { makeHost, type TestHost } from "../support/host.ts";

const node = (name: string, podCidrs: string[], internalIps: string[]) => ({ name, podCidrs, internalIps });
const own = node("a", ["10.244.1.0/24", "fd00:1::/64"], ["192.0.2.11", "2001:db8::11"]);
// Ranges next to each other, as clusters give them.
const nodes = [2, 3, 4].map((n) =>
  node(`n${n}`, [`10.244.${n}.0/24`, `fd00:${n}::/64`], [`192.0.2.1${n}`, `2001:db8::1${n}`]),
);

async function makeNode(): Promise<TestHost> {
  const host = await makeHost();
  const ip = (...args: string[]) => host.netns.run("ip", ...args);
  await ip("link", "add", "eth0", "type", "veth", "peer", "name", "peer0");
  await ip("link", "set", "eth0", "mtu", "1400", "up");
  await ip("link", "set", "peer0", "up");
  await ip("address", "add", "192.0.2.11/24", "dev", "eth0");
  await ip("address", "add", "2001:db8::11/64", "dev", "eth0", "nodad");
  return host;
}

function setUp(host: TestHost, others: typeof nodes): void {
  const { set, remove } = planRoutes(own, others, host.call("nodeNetworkRead"));
  host.call("nodeNetworkApply", { set, remove, masquerade: planMasquerade(own, others) });
}

const routesOf = async ({ netns }: TestHost) => {
  const lines = [...(await netns.routes(4)), ...(await netns.routes(6))].filter((line) => line.includes(" via "));
  return lines.map((line) => line.split(/\s+/).slice(0, 7).join(" ")).toSorted();
};

it("keeps routes to the nodes that there are, and touches nobody else's", async () => {
  await using host = await makeNode();
  await host.netns.run("ip", "route", "add", "10.244.3.0/24", "via", "192.0.2.99");
  await host.netns.run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.99");
  setUp(host, nodes);
  const foreign = ["10.244.3.0/24 via 192.0.2.99 dev eth0", "198.51.100.0/24 via 192.0.2.99 dev eth0"];
  const toSecond = [
    "10.244.2.0/24 via 192.0.2.12 dev eth0 proto 107",
    "fd00:2::/64 via 2001:db8::12 dev eth0 proto 107",
  ];
  expect(await routesOf(host)).toEqual(
    [
      ...foreign,
      ...toSecond,
      "fd00:3::/64 via 2001:db8::13 dev eth0 proto 107",
      "10.244.4.0/24 via 192.0.2.14 dev eth0 proto 107",
      "fd00:4::/64 via 2001:db8::14 dev eth0 proto 107",
    ].toSorted(),
  );
  setUp(host, nodes.slice(0, 1));
  expect(await routesOf(host)).toEqual([...foreign, ...toSecond].toSorted());
  // A node that has moved.
  setUp(host, [{ ...nodes[0]!, internalIps: ["192.0.2.77", "2001:db8::77"] }]);
  expect(await routesOf(host)).toEqual(
    [
      ...foreign,
      "10.244.2.0/24 via 192.0.2.77 dev eth0 proto 107",
      "fd00:2::/64 via 2001:db8::77 dev eth0 proto 107",
    ].toSorted(),
  );
});

it("lets pods be seen by pods, and the node by others; as often as it is applied", async () => {
  await using host = await makeNode();
  setUp(host, nodes);
  const list = () => host.netns.run("nft", "-a", "list", "table", "inet", "kx_node");
  const first = await list();
  expect(first.replaceAll(/\s+/g, " ")).toContain("10.244.1.0/24, 10.244.2.0/24, 10.244.3.0/24, 10.244.4.0/24");
  expect(first).toMatch(/ip saddr 10\.244\.1\.0\/24 ip daddr != @pods4 masquerade/);
  expect(first).toMatch(/ip6 saddr fd00:1::\/64 ip6 daddr != @pods6 masquerade/);
  setUp(host, nodes);
  // The same handles: nothing was made anew.
  expect(await list()).toBe(first);
  setUp(host, nodes.slice(0, 2));
  expect(await list()).not.toContain("10.244.4.0/24");
  // Whatever somebody else did to it is put right.
  await host.netns.run("nft", "flush", "ruleset");
  setUp(host, nodes);
  expect((await list()).match(/masquerade/g)).toHaveLength(2);
});
