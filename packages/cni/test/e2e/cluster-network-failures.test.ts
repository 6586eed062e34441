import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterNode } from "@kx/cluster";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type KxCluster, kxUp, traces, webPod } from "../support/kx-cluster.ts";

const bridge = "/opt/cni/bin/kx-bridge";
const conflist = "/etc/cni/net.d/10-kx.conflist";

// One story on one node: each test starts from a node on which nothing is left of the one before it.
describe("kx's network while its agent fails", () => {
  let kx: KxCluster;
  let node: ClusterNode;
  let clean: readonly string[];

  const agentPid = async () =>
    (await kx.cluster.processes()).find(({ name, state }) => name === "node-1/node-agent" && state === "running")?.pid;
  const untilClean = () => expect.poll(() => traces(node), { timeout: 60_000, interval: 500 }).toEqual(clean);
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  // A port of the node for each, so that a rule that was left behind shows.
  const portOf = (name: string) => 21_000 + Number(name.split("-").at(-1));
  const create = (pods: readonly string[]) =>
    kx.apply(...pods.map((name) => webPod(name, "node-1", { labels: { app: "x" }, hostPort: portOf(name) })));
  const readySince = () =>
    kx.kubectl("get", "node", "node-1", "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")].lastTransitionTime}');

  /** Kills the agent; its supervisor starts another. */
  async function killAgent(): Promise<void> {
    const pid = await expect.poll(agentPid, { timeout: 30_000 }).toBeDefined().then(agentPid);
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    await expect.poll(async () => ![undefined, pid].includes(await agentPid()), { timeout: 30_000 }).toBe(true);
  }

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
    node = kx.cluster.nodes[0]!;
    // The bridge stays when its last pod goes.
    await kx.apply(webPod("first", "node-1"));
    await kx.ready("first");
    await kx.kubectl("delete", "pod", "first", "--timeout=60s");
    const isLeft = /^(lease|result|link veth)/;
    const left = async () => (await traces(node)).filter((line) => isLeft.test(line));
    await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 60_000, interval: 500 });
    clean = await traces(node);
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  it("starts and ends pods although the agent is killed in between, and nothing is left", async () => {
    const since = await readySince();
    const pods = names("killed", 8);
    await create(pods.slice(0, 4));
    await killAgent();
    await create(pods.slice(4));
    await killAgent();
    await kx.ready(...pods);
    const deleted = kx.kubectl("delete", "pods", "-l", "app=x", "--timeout=90s");
    await killAgent();
    await deleted;
    await untilClean();
    expect(await readySince()).toBe(since);
  }, 300_000);

  it("starts and ends pods while the agent hangs, and the node stays Ready", async () => {
    const since = await readySince();
    const pid = await agentPid();
    await whileHanging(pid, async () => {
      await create(names("hung", 2));
      await kx.ready(...names("hung", 2));
      await kx.kubectl("delete", "pods", "-l", "app=x", "--timeout=90s");
    });
    await untilClean();
    expect(await agentPid()).toBe(pid);
    expect(await readySince()).toBe(since);
  }, 300_000);

  it("attaches and detaches while the API server is down for the agent's new life", async () => {
    const apiServer = (await kx.cluster.processes()).find(({ name }) => name === "kube-apiserver");
    const since = await readySince();
    await whileHanging(apiServer?.pid, async () => {
      await killAgent();
      const health = ["--silent", "--fail", "--unix-socket", "/run/kx/node-agent.sock", "http://agent/readyz"];
      const isReady = async () => (await node.exec("curl", health)).exitCode;
      await expect.poll(isReady, { timeout: 30_000 }).toBe(0);
      await attach("alone");
      expect((await traces(node)).filter((line) => line.startsWith("lease"))).toHaveLength(1);
      expect(await call("DEL", "alone")).toMatchObject({ exitCode: 0 });
      await node.exec("ip", ["netns", "delete", "alone"]);
      await untilClean();
    });
    expect(await readySince()).toBe(since);
  }, 300_000);

  it("takes away what nobody else will: its pod and its namespace are gone", async () => {
    await remember("left", await attach("left"));
    const left = async () => new Set((await traces(node)).filter((line) => !clean.includes(line)).map(kindOf));
    const all = new Set(["lease", "result", "link"]);
    // Its namespace is there, so it is somebody's: at two looks.
    await lookMoreOften();
    await killAgent();
    await untilLookedTwice();
    expect(await left()).toEqual(all);
    await node.exec("ip", ["netns", "delete", "left"]);
    await killAgent();
    await untilClean();
  }, 300_000);

  const kindOf = (line: string) => line.split(" ")[0];

  /** Calls the bridge as a container runtime does, for a namespace of that name. */
  async function call(command: string, id: string): ReturnType<ClusterNode["exec"]> {
    const { stdout } = await node.exec("cat", [conflist]);
    const { name, cniVersion, plugins } = JSON.parse(stdout) as { name: string; cniVersion: string; plugins: object[] };
    const netns = `/run/netns/${id}`;
    return node.exec(bridge, [], {
      env: {
        CNI_COMMAND: command,
        CNI_PATH: "/opt/cni/bin",
        CNI_CONTAINERID: id,
        CNI_NETNS: netns,
        CNI_IFNAME: "eth0",
      },
      input: JSON.stringify({ name, cniVersion, ...plugins[0] }),
    });
  }

  /** Makes a namespace, and gives the result of its ADD. */
  async function attach(id: string): Promise<unknown> {
    await node.exec("ip", ["netns", "add", id]);
    const { exitCode, stdout } = await call("ADD", id);
    expect(exitCode, stdout).toBe(0);
    return JSON.parse(stdout);
  }

  /** Writes down what container runtimes do after an ADD. */
  async function remember(id: string, result: unknown): Promise<void> {
    const config = Buffer.from((await node.exec("cat", [conflist])).stdout).toString("base64");
    const of = { containerId: id, ifName: "eth0", networkName: "kx", netns: `/run/netns/${id}` };
    const input = JSON.stringify({ kind: "cniCacheV1", ...of, config, result });
    await node.exec("tee", [`/var/lib/cni/results/kx-${id}-eth0`], { input });
  }

  /** Lets looks for what is out of use, and the one that confirms it, come a second apart. */
  async function lookMoreOften(): Promise<void> {
    const { stdout } = await node.exec("readlink", [bridge]);
    const path = join(kx.dir, "install", stdout.split("/").at(-2) ?? "", "node-agent.yaml");
    await writeFile(path, `${await readFile(path, "utf8")}      gcSeconds: 1\n      gcConfirmSeconds: 1\n`);
  }

  async function untilLookedTwice(): Promise<void> {
    const looks = async () => {
      const url = "http://agent/metrics";
      const { stdout } = await node.exec("curl", ["--silent", "--unix-socket", "/run/kx/node-agent.sock", url]);
      return Number(/^kx_cni_gc_looks_total\S* (\d+)$/m.exec(stdout)?.[1] ?? 0);
    };
    await expect.poll(looks, { timeout: 30_000 }).toBeGreaterThanOrEqual(2);
  }
});
