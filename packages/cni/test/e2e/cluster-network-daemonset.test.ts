import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterNode } from "@kx/cluster";
import { extension } from "@kx/cni/bridge";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentImage, agentObjects, nodeAccount } from "../support/agent-image.ts";
import { type KxCluster, kxUp, traces, webPod } from "../support/kx-cluster.ts";

// As on nodes that others have made: they have no network, no plug-ins and no Node.js until the agent's pod comes.
describe("kx's network with its agent as a DaemonSet", () => {
  let kx: KxCluster;
  let node: ClusterNode;
  const inSystem = ["-n", "kx-system"];

  beforeAll(async () => {
    kx = await kxUp(1, "none");
    node = kx.cluster.nodes[0]!;
    for (const version of [1, 2]) {
      const archive = join(kx.dir, `agent-${version}.tar`);
      await writeFile(archive, await agentImage({ version }));
      await kx.cluster.loadImage(archive);
    }
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  it("makes the node Ready with nothing but what its extension asks of it", async () => {
    const isReady = 'jsonpath={.items[0].status.conditions[?(@.type=="Ready")].status}';
    expect(await kx.kubectl("get", "nodes", "-o", isReady)).toBe("False");
    const network = extension.create({});
    const rendered = network.manifests({ namespace: "kx-system", image: "", nodeAccount });
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

  it("starts and ends pods while the agent is upgraded", async () => {
    const folder = async () => (await node.exec("readlink", ["/opt/kx/current"])).stdout.trim();
    const before = { pod: await agentPod(), folder: await folder() };
    const upgraded = kx.kubectl(
      "set",
      "image",
      "daemonset/kx-node-agent",
      "agent=localhost/kx-node-agent:2",
      ...inSystem,
    );
    const isUpgraded = async () => {
      const path = "jsonpath={.status.updatedNumberScheduled} {.status.numberReady} {.status.observedGeneration}";
      return (await kx.kubectl("get", "daemonset/kx-node-agent", ...inSystem, "-o", path)) === "1 1 2";
    };
    let round = 0;
    // Until a whole round was under way after it.
    for (let isLast = false; !isLast; round++) {
      isLast = await isUpgraded();
      const names = Array.from({ length: 4 }, (_, index) => `roll-${round}-${index}`);
      await kx.apply(...names.map((name) => webPod(name, "node-1", { labels: { app: "roll" } })));
      await kx.ready(...names);
      await kx.kubectl("delete", "pods", "-l", "app=roll", "--timeout=90s");
    }
    await upgraded;
    await kx.kubectl("rollout", "status", "daemonset/kx-node-agent", ...inSystem, "--timeout=120s").catch(explain);
    expect(round).toBeGreaterThan(1);
    expect(await agentPod()).not.toBe(before.pod);
    expect(await folder()).not.toBe(before.folder);
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
