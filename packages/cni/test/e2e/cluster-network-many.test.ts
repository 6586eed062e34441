import type { ClusterNode } from "@kx/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KxCluster, kxUp, rules, traces } from "../support/kx-cluster.ts";

const count = 100;
const names = Array.from({ length: count }, (_, index) => `many-${index}`);

// As many as a kubelet takes, but for a few: it allows 110.
describe("a hundred pods on one node", () => {
  let kx: KxCluster;
  let node: ClusterNode;
  let before: readonly string[];

  beforeAll(async () => {
    kx = await kxUp(1);
    node = kx.cluster.nodes[0]!;
    // The bridge and the tables stay when their last pod goes.
    await kx.apply(pausePod("first", 0));
    await kx.ready("first");
    before = await left();
  }, 240_000);
  const left = async () => [...(await traces(node)), ...(await rules(node))];
  afterAll(() => kx?.[Symbol.asyncDispose]());

  it("get an address each, and leave no lease, result, link, rule or element of a set", async () => {
    const started = performance.now();
    await kx.apply(...names.map((name, index) => pausePod(name, index + 1)));
    // A busy machine takes minutes for so many.
    await kx.kubectl("wait", "--for=condition=Ready", "pods", "-l", "app=many", "--timeout=400s");
    const readyMs = performance.now() - started;
    const addresses = (
      await kx.kubectl("get", "pods", "-l", "app=many", "-o", "jsonpath={.items[*].status.podIP}")
    ).split(" ");
    expect(new Set(addresses).size).toBe(count);
    const made = (await left()).filter((line) => !before.includes(line));
    const kinds = new Map(made.map((line) => [line, line.split(" ")[0]]));
    const numberOf = (kind: string) => [...kinds.values()].filter((one) => one === kind).length;
    // Those with a limit for what they send have a link more.
    expect([numberOf("lease"), numberOf("result"), numberOf("link")]).toEqual([count, count, count + count / 5]);
    expect(made.filter((line) => line.includes("host_ports")).length).toBeGreaterThanOrEqual(count / 4);
    const deleting = performance.now();
    await kx.kubectl("delete", "pods", "-l", "app=many", "--timeout=300s");
    await expect.poll(left, { timeout: 120_000, interval: 500 }).toEqual(before);
    const deletedMs = performance.now() - deleting;
    console.info(`${count} pods: ready after ${Math.round(readyMs)} ms, gone after ${Math.round(deletedMs)} ms`);
  }, 900_000);
});

/** A pod that does nothing. */
function pausePod(name: string, index: number): object {
  const hostPort = index % 4 === 0 ? { hostPort: 20_000 + index } : {};
  const limits = { "kubernetes.io/egress-bandwidth": "50M" };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "default",
      labels: { app: name.split("-")[0] },
      ...(index % 5 === 0 ? { annotations: limits } : {}),
    },
    spec: {
      nodeName: "node-1",
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: [{ name: "pause", image: "localhost/pause:1", ports: [{ containerPort: 80, ...hostPort }] }],
    },
  };
}
