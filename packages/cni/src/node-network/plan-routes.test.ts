import { describe, expect, it } from "vitest";
import type { NodeFacts } from "./node-objects.ts";
import { type KernelFacts, planRoutes, uplinkMtu } from "./plan-routes.ts";

const node = (name: string, podCidrs: readonly string[], internalIps: readonly string[]): NodeFacts => {
  return { name, podCidrs, internalIps };
};
const own = node("a", ["10.244.1.0/24", "fd00:1::/64"], ["192.0.2.11", "2001:db8::11"]);
const other = node("b", ["10.244.2.0/24", "fd00:2::/64"], ["192.0.2.12", "2001:db8::12"]);
const kernel: KernelFacts = {
  links: [
    { index: 1, name: "lo", mtu: 65536 },
    { index: 7, name: "eth0", mtu: 1450 },
  ],
  addresses: [
    { index: 1, address: "127.0.0.1/8" },
    { index: 7, address: "192.0.2.11/24" },
    { index: 7, address: "2001:db8::11/64" },
  ],
  routes: [],
};
const set = [
  { destination: "10.244.2.0/24", gateway: "192.0.2.12", index: 7 },
  { destination: "fd00:2::/64", gateway: "2001:db8::12", index: 7 },
];

describe("routes to the pods of other nodes", () => {
  it("lead by each node's address of the same family, and none to the node's own", () => {
    expect(planRoutes(own, [own, other], kernel)).toEqual({ set, remove: [], unreachable: [] });
  });

  it("are left alone where they stand, also if somebody else made them", () => {
    const routes = set.map((route, index) => ({ ...route, isOurs: index === 0 }));
    const foreign = { destination: "fd00:2::/64", gateway: "2001:db8::1", index: 9, isOurs: false };
    expect(planRoutes(own, [own, other], { ...kernel, routes })).toEqual({ set: [], remove: [], unreachable: [] });
    expect(
      planRoutes(own, [own, other], { ...kernel, routes: [{ ...set[0], isOurs: true } as never, foreign] }).set,
    ).toEqual([]);
  });

  it("are replaced where they lead elsewhere, and removed where their node is gone", () => {
    const routes = [
      { destination: "10.244.2.0/24", gateway: "192.0.2.99", index: 7, isOurs: true },
      { destination: "10.244.9.0/24", gateway: "192.0.2.19", index: 7, isOurs: true },
      { destination: "10.244.8.0/24", gateway: "192.0.2.18", index: 7, isOurs: false },
    ];
    const plan = planRoutes(own, [own, other], { ...kernel, routes });
    expect(plan.set).toEqual(set);
    expect(plan.remove.map(({ destination }) => destination)).toEqual(["10.244.9.0/24"]);
  });

  it("are refused with a remedy for nodes elsewhere, without an address, or with this node's range", () => {
    const nodes = [
      node("far", ["10.244.3.0/24"], ["198.51.100.3"]),
      node("four", ["fd00:4::/64"], ["192.0.2.14"]),
      node("twin", ["10.244.1.0/25"], ["192.0.2.15"]),
      node("new", [], ["192.0.2.16"]),
    ];
    const { unreachable, ...rest } = planRoutes(own, [own, ...nodes], kernel);
    expect(rest).toEqual({ set: [], remove: [] });
    expect(unreachable.map((one) => [one.node, one.reason])).toEqual([
      ["far", "its address 198.51.100.3 is at no link of this node"],
      ["four", "it has no InternalIP of IPv6"],
      ["twin", "its range 10.244.1.0/25 is also this node's"],
    ]);
    expect(unreachable[0]?.remedy).toContain("let your routers know that 10.244.3.0/24 is behind 198.51.100.3");
  });

  it("wait for a node whose addresses are not known, and stay if they were", () => {
    const silent = { ...other, internalIps: [] };
    const nothing = { set: [], remove: [], unreachable: [] };
    expect(planRoutes(own, [own, silent], kernel)).toEqual(nothing);
    const routes = set.map((route) => ({ ...route, isOurs: true }));
    expect(planRoutes(own, [own, silent], { ...kernel, routes })).toEqual(nothing);
  });

  it("do not take an address of one host for a link", () => {
    const alone = { ...kernel, addresses: [{ index: 7, address: "192.0.2.12/32" }] };
    expect(planRoutes(own, [node("b", ["10.244.2.0/24"], ["192.0.2.12"])], alone).unreachable).toHaveLength(1);
  });
});

describe("the pods' MTU", () => {
  it("is that of the link by which the node is reached", () => {
    expect(uplinkMtu(own, kernel)).toBe(1450);
    expect(uplinkMtu(node("a", [], ["2001:db8:0::11"]), kernel)).toBe(1450);
  });

  it("is the kernel's where the node's address is at no link", () => {
    expect(uplinkMtu(node("a", [], ["203.0.113.1"]), kernel)).toBeUndefined();
    expect(uplinkMtu(node("a", [], []), kernel)).toBeUndefined();
  });
});
