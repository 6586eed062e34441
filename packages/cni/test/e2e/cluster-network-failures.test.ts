import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FailingNode, openFailingNode } from "../support/failing-node.ts";
import { type KxCluster, kxUp, traces } from "../support/kx-cluster.ts";

// One story on one node: each test starts from a node on which nothing is left of the one before it.
describe("kx's network while its agent fails", () => {
  let kx: KxCluster;
  let at: FailingNode;

  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

  /** Lets a process of the cluster hang while something is done. */
  async function whileHanging(pid: number | undefined, work: () => Promise<void>): Promise<void> {
    if (pid === undefined) throw new Error("it does not run");
    const nsenter = /^PPid:\s*(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
    process.kill(pid, "SIGSTOP");
    try {
      await work();
    } finally {
      process.kill(pid, "SIGCONT");
      // It stops itself when its child is stopped.
      process.kill(Number(nsenter), "SIGCONT");
    }
  }

  beforeAll(async () => {
    kx = await kxUp(1);
    at = await openFailingNode(kx);
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  it("starts and ends pods although the agent is killed in between, and nothing is left", async () => {
    const since = await at.readySince();
    const pods = names("killed", 8);
    await at.create(pods.slice(0, 4));
    await at.killAgent();
    await at.create(pods.slice(4));
    await at.killAgent();
    await kx.ready(...pods);
    const deleted = kx.kubectl("delete", "pods", "-l", "app=x", "--timeout=90s");
    await at.killAgent();
    await deleted;
    await at.untilClean();
    expect(await at.readySince()).toBe(since);
  }, 300_000);

  it("starts and ends pods while the agent hangs, and the node stays Ready", async () => {
    const since = await at.readySince();
    const pid = await at.agentPid();
    await whileHanging(pid, async () => {
      await at.create(names("hung", 2));
      await kx.ready(...names("hung", 2));
      await kx.kubectl("delete", "pods", "-l", "app=x", "--timeout=90s");
    });
    await at.untilClean();
    expect(await at.agentPid()).toBe(pid);
    expect(await at.readySince()).toBe(since);
  }, 300_000);

  it("attaches and detaches while the API server is down for the agent's new life", async () => {
    const apiServer = (await kx.cluster.processes()).find(({ name }) => name === "kube-apiserver");
    const since = await at.readySince();
    await whileHanging(apiServer?.pid, async () => {
      await at.killAgent();
      await at.readyAgent();
      await at.attach("alone");
      expect((await traces(at.node)).filter((line) => line.startsWith("lease"))).toHaveLength(1);
      expect(await at.call("DEL", "alone")).toMatchObject({ exitCode: 0 });
      await at.node.exec("ip", ["netns", "delete", "alone"]);
      await at.untilClean();
    });
    expect(await at.readySince()).toBe(since);
  }, 300_000);

  it("takes away what nobody else will: its pod and its namespace are gone", async () => {
    await at.remember("left", await at.attach("left"));
    const left = async () => new Set((await traces(at.node)).filter((line) => !at.clean.includes(line)).map(kindOf));
    const all = new Set(["lease", "result", "link"]);
    // Its namespace is there, so it is somebody's: at two looks.
    await at.lookMoreOften();
    await at.killAgent();
    await untilLookedTwice();
    expect(await left()).toEqual(all);
    await at.node.exec("ip", ["netns", "delete", "left"]);
    await at.killAgent();
    await at.untilClean();
  }, 300_000);

  const kindOf = (line: string) => line.split(" ")[0];

  async function untilLookedTwice(): Promise<void> {
    const looks = () => at.metric("kx_cni_gc_looks_total");
    await expect.poll(looks, { timeout: 30_000 }).toBeGreaterThanOrEqual(2);
  }
});
