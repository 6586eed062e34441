import { describe, expect, it } from "vitest";
import { fabricCommands, hostRouteCommands, nodeCommands, planNetwork, plugCommands } from "./network.ts";

describe("planNetwork", () => {
  it("gives every number ranges of its own, so that the host can route to several clusters", () => {
    const ranges = new Set<string>();
    for (let id = 0; id < 96; id++) {
      const { fabric, serviceCidr, podCidr } = planNetwork(id);
      for (const range of [fabric, serviceCidr, podCidr]) ranges.add(range);
    }
    expect(ranges.size).toBe(3 * 96);
  });

  it("keeps each node's address and pods within the cluster's ranges", () => {
    const network = planNetwork(3);
    expect(network.nodeAddress(2)).toBe("10.250.3.12");
    expect(network.nodePodCidr(2)).toBe("10.103.2.0/24");
    expect(network.apiService).toBe("10.3.0.1");
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

  it("bind the host's routes to one link, with which they go", () => {
    const routes = hostRouteCommands(planNetwork(5), "kxh5", 99).filter((line) => line.startsWith("route"));
    expect(routes.every((line) => line.endsWith("dev kxh5"))).toBe(true);
  });
});
