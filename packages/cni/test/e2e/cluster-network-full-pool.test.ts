import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type FailingNode, openFailingNode } from "../support/failing-node.ts";
import { type KxCluster, kxUp } from "../support/kx-cluster.ts";

const range = "10.244.1.0/28";
// Without the network's own address, the gateway's and the broadcast address.
const size = 13;
const fullMs = 60_000;

describe("a node on kx's network whose range is full", () => {
  let kx: KxCluster;
  let at: FailingNode;

  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

  beforeAll(async () => {
    kx = await kxUp(1);
    await giveSmallRange();
    at = await openFailingNode(kx);
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  it("stays Ready and says so, and gives pods that wait the addresses of those that go", async () => {
    const since = await at.readySince();
    const fit = names("fit", size);
    await at.create(fit, { labels: { app: "fit" } });
    await kx.ready(...fit);
    expect(new Set(await Promise.all(fit.map((pod) => kx.podIp(pod)))).size).toBe(size);
    const late = names("late", 3);
    const full = Date.now();
    await at.create(late, { labels: { app: "late" } });

    const why = /FailedCreatePodSandBox.*no address is free in 10\.244\.1\.1-10\.244\.1\.14: all 13 are taken/;
    for (const pod of late)
      await expect.poll(() => events(`Pod,involvedObject.name=${pod}`), { timeout: 30_000 }).toMatch(why);
    const told = /AddressesExhausted all 13 addresses of 10\.244\.1\.0\/28 are in use/;
    await expect.poll(() => events("Node"), { timeout: 30_000 }).toMatch(told);
    expect(await at.metric("kx_cni_pool_addresses")).toBe(size);
    expect(await at.metric("kx_cni_pool_free_addresses")).toBe(0);
    await at.watchReady(full + fullMs);
    expect(await at.readySince()).toBe(since);
    const phases = await kx.kubectl("get", "pods", "-l", "app=late", "-o", "jsonpath={.items[*].status.phase}");
    expect(phases).toBe("Pending Pending Pending");

    await kx.kubectl("delete", "pods", ...fit.slice(0, late.length), "--timeout=90s");
    await kx.ready(...late);
    await kx.kubectl("delete", "pods", "-l", "app in (fit,late)", "--timeout=90s");
    await at.untilClean();
    await expect.poll(() => at.metric("kx_cni_pool_free_addresses"), { timeout: 30_000 }).toBe(size);
  }, 300_000);

  /** A Node's range cannot be changed, but another Node can be made in its place, as long as no pod has used it. */
  async function giveSmallRange(): Promise<void> {
    const node = JSON.parse(await kx.kubectl("get", "node", "node-1", "-o", "json")) as {
      metadata: { labels: object };
      status: object;
    };
    await kx.kubectl("delete", "node", "node-1");
    const { metadata } = node;
    await kx.apply({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "node-1", labels: metadata.labels },
      spec: { podCIDR: range, podCIDRs: [range] },
    });
    await renewToken();
    await kx.cluster.nodes[0]?.restartKubelet();
    await kx.kubectl("wait", "--for=condition=Ready", "node/node-1", "--timeout=60s");
    const conflist = async () => (await kx.cluster.nodes[0]?.exec("cat", ["/etc/cni/net.d/10-kx.conflist"]))?.stdout;
    await vi.waitFor(async () => expect(await conflist()).toContain(range), { timeout: 60_000, interval: 500 });
  }

  /** The agent's token has gone with the Node that it was made for; the agent reads the file again when it is refused. */
  async function renewToken(): Promise<void> {
    const uid = await kx.kubectl("get", "node", "node-1", "-o", "jsonpath={.metadata.uid}");
    const bound = ["--bound-object-kind=Node", "--bound-object-name=node-1", `--bound-object-uid=${uid}`];
    const token = await kx.kubectl("create", "token", "kx-node-agent", "-n", "kx-system", ...bound);
    const file = join(kx.cluster.nodes[0]?.paths.kubelet ?? "", "kx-node-agent.kubeconfig");
    await writeFile(file, (await readFile(file, "utf8")).replace(/token: .*/, `token: ${token}`));
  }

  /** The events of one kind of objects, each as reason and message. */
  function events(of: string): Promise<string> {
    const path = `jsonpath={range .items[*]}{.reason} {.message}{"\\n"}{end}`;
    return kx.kubectl("get", "events", "--field-selector", `involvedObject.kind=${of}`, "-o", path);
  }
});
