import type { ClusterNode } from "@kx/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KxCluster, kxUp } from "../support/kx-cluster.ts";
import { type Origin, prepareTraffic, type Traffic, trafficPod } from "../support/traffic-pods.ts";

const megabit = 1_000_000;
const hostPort = 17000;

// What the runtime asks of kx's network for pods: ports of their node, and limits.
describe("pods with traffic of their own", () => {
  let kx: KxCluster;
  let traffic: Traffic;
  let nodes: readonly ClusterNode[];
  const ips: Record<string, string> = {};
  const ip = (name: string): string => ips[name] ?? name;

  beforeAll(async () => {
    kx = await kxUp(2);
    nodes = kx.cluster.nodes;
    traffic = await prepareTraffic(kx);
    const limits = { "kubernetes.io/ingress-bandwidth": "10M", "kubernetes.io/egress-bandwidth": "20M" };
    await kx.apply(
      trafficPod("served", "node-1", { hostPort }),
      trafficPod("limited", "node-1", { annotations: limits }),
      trafficPod("free", "node-1"),
      trafficPod("far", "node-2"),
    );
    const pods = ["served", "limited", "free", "far"];
    await kx.ready(...pods);
    for (const pod of pods) ips[pod] = await kx.podIp(pod);
  }, 300_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  describe.each(["tcp", "udp"] as const)("have ports of their node for %s", (transport) => {
    const ask = (from: Origin, host = nodes[0]?.address ?? "") =>
      traffic.ask(from, host, { transport, port: hostPort });

    it("which another node reaches, and pods of another node as that", async () => {
      expect(await ask(nodes[1]!)).toBe(nodes[1]?.address);
      expect(await ask("far")).toBe(nodes[1]?.address);
    });

    it("which the node reaches by its address and by its loopback", async () => {
      expect(await ask(nodes[0]!)).toBe(nodes[0]?.address);
      expect(await ask(nodes[0]!, "127.0.0.1")).toBe("10.244.1.1");
    });

    it("which pods of the node reach, and the pod itself", async () => {
      expect(await ask("free")).toBe(ip("free"));
      expect(await ask("served")).toBe("10.244.1.1");
    });
  });

  it("are limited as their annotations say, each direction by itself", async () => {
    const seen = {
      received: await traffic.rate("limited", ip("far")),
      receivedNearby: await traffic.rate("limited", ip("free")),
      sent: await traffic.rate("far", ip("limited")),
      sentNearby: await traffic.rate("free", ip("limited")),
      unlimited: await traffic.rate("free", ip("far")),
    };
    console.info("bits per second:", seen);
    for (const [rate, limit] of [
      [seen.received, 10],
      [seen.receivedNearby, 10],
      [seen.sent, 20],
      [seen.sentNearby, 20],
    ] as const) {
      expect(rate / megabit, JSON.stringify(seen)).toBeLessThan(limit * 1.1);
      expect(rate / megabit, JSON.stringify(seen)).toBeGreaterThan(limit * 0.6);
    }
    expect(seen.unlimited / megabit).toBeGreaterThan(100);
  });
});
