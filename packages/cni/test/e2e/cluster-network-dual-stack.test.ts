import type { ClusterNode } from "@kx/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KxCluster, kxUp, traces } from "../support/kx-cluster.ts";
import { type Origin, prepareTraffic, type Traffic, trafficPod } from "../support/traffic-pods.ts";

const hostPort = 17000;
const families = [
  { name: "IPv4", at: 0, gateway: "10.244.1.1" },
  { name: "IPv6", at: 1, gateway: "fd00:244:0:1::1" },
];

describe("pods with addresses of both families", () => {
  let kx: KxCluster;
  let traffic: Traffic;
  let nodes: readonly ClusterNode[];
  const ips: Record<string, readonly string[]> = {};

  beforeAll(async () => {
    kx = await kxUp(2, "kx", "ipv4,ipv6");
    nodes = kx.cluster.nodes;
    traffic = await prepareTraffic(kx);
    await kx.apply(
      trafficPod("served", "node-1", { hostPort, labels: { app: "served" } }),
      trafficPod("neighbour", "node-1"),
      trafficPod("far", "node-2"),
      trafficPod("host-one", "node-1", { hostNetwork: true }),
      trafficPod("host-two", "node-2", { hostNetwork: true }),
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "both", namespace: "default" },
        spec: {
          ipFamilyPolicy: "RequireDualStack",
          selector: { app: "served" },
          ports: [
            { name: "tcp", protocol: "TCP", port: 7000 },
            { name: "udp", protocol: "UDP", port: 7000 },
          ],
        },
      },
    );
    const pods = ["served", "neighbour", "far", "host-one", "host-two"];
    await kx.ready(...pods);
    for (const pod of pods) ips[pod] = await kx.podIps(pod);
  }, 300_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  it("have both from the first moment on, of their node's ranges", async () => {
    for (const [pod, node] of [
      ["served", 1],
      ["far", 2],
    ] as const) {
      const [ipv4 = "", ipv6 = ""] = ips[pod] ?? [];
      expect(ipv4).toMatch(new RegExp(`^10\\.244\\.${node}\\.\\d+$`));
      expect(ipv6).toMatch(new RegExp(`^fd00:244:0:${node}::[\\da-f]+$`));
      const atStart = await traffic.addressesAtStart(pod);
      expect(atStart).toContain(` ${ipv4}/24 `);
      // It can be used at once: nobody is asked whether he has it, too.
      expect(atStart.split("\n").find((line) => line.includes(` ${ipv6}/64 `))).not.toContain("tentative");
    }
    expect(ips["host-one"]).toEqual(nodes[0]?.addresses);
  });

  describe.each(families)("over $name", ({ at, gateway }) => {
    const ip = (pod: string) => ips[pod]?.[at] ?? `${pod} has none`;
    const address = (index: number) => nodes[index]?.addresses[at] ?? "none";

    it("reach each other on a node and across nodes, and see each other's own addresses", async () => {
      expect(await traffic.ask("served", ip("neighbour"))).toBe(ip("served"));
      expect(await traffic.ask("served", ip("far"))).toBe(ip("served"));
      expect(await traffic.ask("far", ip("served"), { transport: "udp" })).toBe(ip("far"));
    });

    it("reach their node and are reached by it and by another", async () => {
      expect(await traffic.ask("served", ip("host-one"))).toBe(ip("served"));
      expect(await traffic.ask(nodes[0]!, ip("served"))).toBe(gateway);
      expect(await traffic.ask(nodes[1]!, ip("served"))).toBe(address(1));
    });

    it("are their node to others", async () => {
      expect(await traffic.ask("served", ip("host-two"))).toBe(address(0));
      expect(await traffic.ask("far", ip("host-one"), { transport: "udp" })).toBe(address(1));
    });

    it.each(["tcp", "udp"] as const)("have ports of their node for %s", async (transport) => {
      const ask = (from: Origin) => traffic.ask(from, address(0), { transport, port: hostPort });
      expect(await ask(nodes[1]!)).toBe(address(1));
      expect(await ask(nodes[0]!)).toBe(address(0));
      expect(await ask("far")).toBe(address(1));
      expect(await ask("neighbour")).toBe(ip("neighbour"));
      expect(await ask("served")).toBe(gateway);
    });

    it("are reached by services", async () => {
      const path = `jsonpath={.spec.clusterIPs[${at}]}`;
      const service = await kx.kubectl("get", "service", "both", "-o", path);
      expect(await traffic.ask("far", service)).toBe(ip("far"));
      expect(await traffic.ask("neighbour", service, { transport: "udp" })).toBe(ip("neighbour"));
    });
  });

  it("leave nothing behind when they are deleted", async () => {
    await kx.kubectl("delete", "pods", "--all", "--timeout=90s");
    const left = async () => {
      const all = await Promise.all(nodes.map(traces));
      return all.flat().filter((line) => /^(lease|result|link veth)|host_ports/.test(line));
    };
    await expect.poll(left, { timeout: 60_000, interval: 500 }).toEqual([]);
  });
});
