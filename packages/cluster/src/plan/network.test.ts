import { describe, expect, it } from "vitest";
import {
  type FamilyNetwork,
  fabricCommands,
  hostRouteCommands,
  nodeCommands,
  planNetwork,
  plugCommands,
} from "./network.ts";

describe("planNetwork", () => {
  it("gives every number ranges of its own, so that the host can route to several clusters", () => {
    const ranges = new Set<string>();
    for (let id = 0; id < 96; id++) {
      for (const { fabric, serviceCidr, podCidr } of planNetwork(id, ["ipv4", "ipv6"]).families) {
        for (const range of [fabric, serviceCidr, podCidr]) ranges.add(range);
      }
    }
    expect(ranges.size).toBe(2 * 3 * 96);
  });

  it("keeps each node's address and pods within the cluster's ranges", () => {
    const { families, apiService } = planNetwork(3, ["ipv4", "ipv6"]);
    expect(apiService).toBe("10.3.0.1");
    expect(families.map((own) => [own.nodeAddress(2), own.nodePodCidr(2)])).toEqual([
      ["10.250.3.12", "10.103.2.0/24"],
      ["fd00:250:3::12", "fd00:244:3:2::/64"],
    ]);
    expect(planNetwork().families.map(({ family }) => family)).toEqual(["ipv4"]);
  });

  it("writes addresses as programs do", () => {
    for (const id of [0, 7]) {
      const own = planNetwork(id, ["ipv4", "ipv6"]).families[1] as FamilyNetwork;
      const ranges = [own.nodePodCidr(1), own.podCidr, own.serviceCidr].map((cidr) => cidr.split("/")[0] ?? "");
      for (const address of [own.fabric, own.hostAddress, own.nodeAddress(1), ...ranges]) {
        expect(new URL(`http://[${address}]`).hostname).toBe(`[${address}]`);
      }
    }
  });
});

describe("commands", () => {
  it("join nodes to the fabric and route pods of the others through them", () => {
    const network = planNetwork();
    expect(fabricCommands(network, 2)).toContain("route add 10.244.2.0/24 via 10.250.0.12");
    expect(plugCommands(2, 4711)[0]).toBe("link add kxv2 type veth peer name eth0 netns 4711");
    const node = nodeCommands(network, 1, 3);
    expect(node).toContain("route add 10.244.2.0/24 via 10.250.0.12");
    expect(node).toContain("route add 10.244.3.0/24 via 10.250.0.13");
    expect(node.join()).not.toContain("10.244.1.0/24");
    // Where a pod network is to come, that is its business.
    expect(nodeCommands(network, 1, 0).join()).not.toContain("10.244.");
  });

  it("do so for each family", () => {
    const network = planNetwork(0, ["ipv4", "ipv6"]);
    expect(fabricCommands(network, 2)).toContain("route add fd00:244:0:2::/64 via fd00:250::12");
    const node = nodeCommands(network, 1, 2);
    expect(node).toContain("addr add fd00:250::11/64 dev eth0 nodad");
    expect(node).toContain("route add default via 10.250.0.1");
    expect(node).toContain("route add default via fd00:250::1");
    expect(node).toContain("route add fd00:244:0:2::/64 via fd00:250::12");
  });

  it("bind the host's routes to one link, with which they go", () => {
    const routes = hostRouteCommands(planNetwork(5, ["ipv4", "ipv6"]), "kxh5", 99).filter((line) =>
      line.startsWith("route"),
    );
    expect(routes.every((line) => line.endsWith("dev kxh5"))).toBe(true);
  });
});
