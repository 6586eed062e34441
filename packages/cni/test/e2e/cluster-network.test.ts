import type { ClusterNode } from "@kx/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KxCluster, kxUp, traces, webPod } from "../support/kx-cluster.ts";

// Pods of a real kubelet and containerd, on two nodes.
describe("pods on kx's network", () => {
  let kx: KxCluster;
  let nodes: readonly ClusterNode[];
  const ips: Record<string, string> = {};

  beforeAll(async () => {
    kx = await kxUp(2);
    nodes = kx.cluster.nodes;
    await kx.apply(
      webPod("one", "node-1"),
      webPod("neighbour", "node-1"),
      webPod("far", "node-2"),
      webPod("host-one", "node-1", { hostNetwork: true, port: 8088 }),
      webPod("host-two", "node-2", { hostNetwork: true, port: 8088 }),
    );
    const pods = ["one", "neighbour", "far", "host-one", "host-two"];
    await kx.ready(...pods);
    for (const pod of pods) ips[pod] = await kx.podIp(pod);
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  const ip = (name: string): string => ips[name] ?? name;
  const from = (pod: string, to: string, port = 8080) => kx.fetchFrom(pod, `http://${ip(to)}:${port}/cgi-bin/from`);

  /** As a program of the node's own. */
  async function fetchOn(node: ClusterNode | undefined, url: string): Promise<string> {
    const { stdout, stderr } = (await node?.exec("curl", ["--silent", "--show-error", "--max-time", "20", url])) ?? {};
    return stdout?.trim() || `nothing; ${stderr}`;
  }

  it("have an address of their node's range from the first moment on", async () => {
    expect(ip("one")).toMatch(/^10\.244\.1\.\d+$/);
    expect(ip("far")).toMatch(/^10\.244\.2\.\d+$/);
    for (const pod of ["one", "neighbour", "far"]) {
      expect(await kx.kubectl("exec", pod, "--", "cat", "/www/ip")).toContain(` ${ip(pod)}/24 `);
    }
  });

  it("reach each other on a node and across nodes, and see each other's own addresses", async () => {
    expect(await from("one", "neighbour")).toBe(ip("one"));
    expect(await from("one", "far")).toBe(ip("one"));
    expect(await from("far", "one")).toBe(ip("far"));
  });

  it("reach their node and are reached by it", async () => {
    expect(await from("one", "host-one", 8088)).toBe(ip("one"));
    expect(await fetchOn(nodes[0], `http://${ip("one")}:8080/cgi-bin/from`)).toBe("10.244.1.1");
    expect(await fetchOn(nodes[1], `http://${ip("one")}:8080/cgi-bin/from`)).toBe(nodes[1]?.address);
  });

  it("are their node to others", async () => {
    expect(await from("one", "host-two", 8088)).toBe(nodes[0]?.address);
    expect(await from("far", "host-one", 8088)).toBe(nodes[1]?.address);
    // The registry, beyond the nodes.
    expect(await kx.fetchFrom("one", "http://10.250.0.1:5000/v2/")).toBe("{}");
  });

  it("leave nothing behind when they are deleted, thirty at once", async () => {
    const before = await Promise.all(nodes.map(traces));
    const names = Array.from({ length: 30 }, (_, index) => `many-${index}`);
    const pods = names.map((name, index) =>
      webPod(name, `node-${1 + (index % 2)}`, {
        labels: { app: "many" },
        ...(index % 3 === 0 ? { hostPort: 20_000 + index } : {}),
        ...(index % 5 === 0 ? { annotations: { "kubernetes.io/egress-bandwidth": "50M" } } : {}),
      }),
    );
    await kx.apply(...pods);
    await kx.ready(...names);
    const addresses = (
      await kx.kubectl("get", "pods", "-l", "app=many", "-o", "jsonpath={.items[*].status.podIP}")
    ).split(" ");
    expect(new Set(addresses).size).toBe(30);
    const during = await Promise.all(nodes.map(traces));
    expect(during.flat().length - before.flat().length).toBeGreaterThan(30 * 3);
    await kx.kubectl("delete", "pods", "-l", "app=many", "--timeout=90s");
    await expect.poll(() => Promise.all(nodes.map(traces)), { timeout: 30_000, interval: 500 }).toEqual(before);
  }, 240_000);

  it("and policies that nothing enforces are told of at each node", async () => {
    await kx.apply({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "deny", namespace: "default" },
      spec: { podSelector: {}, policyTypes: ["Ingress"] },
    });
    const told = async () => {
      const path = "jsonpath={.items[*].involvedObject.name}";
      return (
        await kx.kubectl("get", "events", "--field-selector", "reason=NetworkPolicyNotEnforced", "-o", path)
      ).split(" ");
    };
    await expect.poll(async () => (await told()).toSorted(), { timeout: 30_000 }).toEqual(["node-1", "node-2"]);
  });

  it("find their nodes available, and told so", async () => {
    const path = `jsonpath={range .items[*]}{.status.conditions[?(@.type=="NetworkUnavailable")].reason} {end}`;
    expect(await kx.kubectl("get", "nodes", "-o", path)).toBe("KxNetworkReady KxNetworkReady");
    expect(await kx.kubectl("get", "events", "--field-selector", "reason=PodsUnreachable", "-o", "name")).toBe("");
  });
});
