import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterNode } from "@kx/cluster";
import { extension } from "@kx/cni/bridge";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentImage, agentObjects } from "../support/agent-image.ts";
import { type KxCluster, kxUp, traces, webPod } from "../support/kx-cluster.ts";

// As on nodes that others have made: they have no network, no plug-ins and no Node.js until the agent's pod comes.
describe("kx's network with its agent as a DaemonSet", () => {
  let kx: KxCluster;
  let node: ClusterNode;
  const inSystem = ["-n", "kx-system"];

  beforeAll(async () => {
    kx = await kxUp(1, "none");
    node = kx.cluster.nodes[0]!;
    const archive = join(kx.dir, "agent.tar");
    await writeFile(archive, await agentImage());
    await kx.cluster.loadImage(archive);
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  it("makes the node Ready with nothing but what its extension asks of it", async () => {
    const isReady = 'jsonpath={.items[0].status.conditions[?(@.type=="Ready")].status}';
    expect(await kx.kubectl("get", "nodes", "-o", isReady)).toBe("False");
    const network = extension.create({});
    const rendered = network.manifests({ namespace: "kx-system", image: "" });
    await kx.apply(...agentObjects(network.node ?? {}, rendered));
    await kx.kubectl("rollout", "status", "daemonset/kx-node-agent", ...inSystem, "--timeout=120s").catch(explain);
    await kx.kubectl("wait", "--for=condition=Ready", "node/node-1", "--timeout=60s");
    expect((await node.exec("readlink", ["/opt/cni/bin/kx-bridge"])).stdout).toMatch(/^\/opt\/kx\/current\/kx-cni/);
  }, 300_000);

  it("attaches pods, which reach each other and have ports of the node, and leaves nothing of them", async () => {
    await kx.apply(webPod("one", "node-1", { hostPort: 18080 }), webPod("two", "node-1"));
    await kx.ready("one", "two");
    const two = await kx.podIp("two");
    expect(await kx.fetchFrom("one", `http://${two}:8080/cgi-bin/from`)).toBe(await kx.podIp("one"));
    const onNode = await node.exec("curl", ["--silent", "--max-time", "20", "http://127.0.0.1:18080/ip"]);
    expect(onNode.stdout).toContain(await kx.podIp("one"));
    await kx.kubectl("delete", "pods", "one", "two", "--timeout=90s");
    const left = async () => (await traces(node)).filter((line) => /^(lease|result|link veth)|host_ports/.test(line));
    await expect.poll(left, { timeout: 60_000, interval: 500 }).toEqual([]);
  }, 300_000);

  it("starts and ends pods while the agent is replaced by another", async () => {
    const before = await agentPod();
    const names = Array.from({ length: 6 }, (_, index) => `roll-${index}`);
    const replaced = kx.kubectl("rollout", "restart", "daemonset/kx-node-agent", ...inSystem);
    await kx.apply(...names.map((name) => webPod(name, "node-1", { labels: { app: "roll" } })));
    await replaced;
    await kx.kubectl("rollout", "status", "daemonset/kx-node-agent", ...inSystem, "--timeout=120s").catch(explain);
    await kx.ready(...names);
    expect(await agentPod()).not.toBe(before);
    await kx.kubectl("delete", "pods", "-l", "app=roll", "--timeout=90s");
    const left = async () => (await traces(node)).filter((line) => /^(lease|result|link veth)/.test(line));
    await expect.poll(left, { timeout: 60_000, interval: 500 }).toEqual([]);
  }, 300_000);

  const agentPod = () => kx.kubectl("get", "pods", ...inSystem, "-o", "jsonpath={.items[0].metadata.name}");

  async function explain(error: Error): Promise<never> {
    const pods = await kx.kubectl("describe", "pods", ...inSystem);
    const logs = await kx.kubectl("logs", "daemonset/kx-node-agent", ...inSystem).catch(String);
    throw new Error([error.message, pods, logs].join("\n"), { cause: error });
  }
});
