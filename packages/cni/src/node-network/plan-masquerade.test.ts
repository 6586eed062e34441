import { expect, it } from "vitest";
import type { NodeFacts } from "./node-objects.ts";
import { planMasquerade } from "./plan-masquerade.ts";

const node = (name: string, ...podCidrs: string[]): NodeFacts => ({ name, podCidrs, internalIps: [] });
const own = node("a", "10.244.2.0/24", "fd00:2::/64");

it("lets pods be seen by all other pods, of each family", () => {
  const { families } = planMasquerade(own, [node("b", "10.244.1.0/24"), own, node("c")]);
  expect(families).toEqual([
    { family: 4, own: "10.244.2.0/24", pods: ["10.244.1.0/24", "10.244.2.0/24"] },
    { family: 6, own: "fd00:2::/64", pods: ["fd00:2::/64"] },
  ]);
});

it("is told from another by its mark, whatever the order of nodes", () => {
  const nodes = [node("b", "10.244.1.0/24"), node("c", "10.244.3.0/24"), own];
  const { mark } = planMasquerade(own, nodes);
  expect(planMasquerade(own, nodes.toReversed()).mark).toBe(mark);
  expect(planMasquerade(own, nodes.slice(1)).mark).not.toBe(mark);
});
