import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ClusterNode, ExecResult } from "@kx/cluster";
import { expect, vi } from "vitest";
import { type KxCluster, type PodOptions, traces, webPod } from "./kx-cluster.ts";

/** The only node of a cluster on kx's network, seen by tests of failures. */
export interface FailingNode {
  readonly kx: KxCluster;
  readonly node: ClusterNode;
  /** What is there when nothing is left of pods. */
  readonly clean: readonly string[];
  readonly agentPid: () => Promise<number | undefined>;
  /** Waits until the agent is ready for work. */
  readyAgent(): Promise<number>;
  /** Kills the agent; its supervisor starts another. */
  killAgent(): Promise<void>;
  /** A file of those that are installed on the node, as this machine sees it. */
  installPath(name: string): Promise<string>;
  /** Waits until nothing is left of pods and of attachments. */
  untilClean(): Promise<void>;
  /** Makes pods with a port of the node each, so that a rule that was left behind shows. */
  create(pods: readonly string[], more?: PodOptions): Promise<void>;
  /** Since when the node has been Ready or not: unchanged if it has been so all the time. */
  readySince(): Promise<string>;
  /** Looks each second, until a time, whether the node is Ready. */
  watchReady(until: number): Promise<void>;
  /** Lets looks for what is out of use, and the one that confirms it, come a second apart from the agent's next start on. */
  lookMoreOften(): Promise<void>;
  /** Calls the bridge as a container runtime does, for a namespace of that name. */
  call(command: string, id: string): Promise<ExecResult>;
  /** Makes a namespace and attaches it; gives the result. */
  attach(id: string): Promise<unknown>;
  /** Writes down what container runtimes do after an ADD. */
  remember(id: string, result: unknown): Promise<void>;
  /** A sample of the agent's metrics; 0 if there is none. */
  metric(name: string): Promise<number>;
}

/** Brings the node to where pods have run on it, and takes what is there for clean. */
export async function openFailingNode(kx: KxCluster): Promise<FailingNode> {
  const node = kx.cluster.nodes[0];
  if (node === undefined) throw new Error("the cluster has no node");
  // The bridge stays when its last pod goes.
  await kx.apply(webPod("first", node.name));
  await kx.ready("first");
  await kx.kubectl("delete", "pod", "first", "--timeout=60s");
  const left = async () => (await traces(node)).filter((line) => /^(lease|result|link veth)/.test(line));
  await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 60_000, interval: 500 });
  const clean = await traces(node);
  let ports = 21_000;

  const agentPid = async () =>
    (await kx.cluster.processes()).find(({ name, state }) => name.endsWith("/node-agent") && state === "running")?.pid;
  const installPath = async (name: string) => {
    const { stdout } = await node.exec("readlink", ["/opt/cni/bin/kx-bridge"]);
    return join(kx.dir, "install", stdout.split("/").at(-2) ?? "", name);
  };
  const readConflist = async () => (await node.exec("cat", ["/etc/cni/net.d/10-kx.conflist"])).stdout;
  const call = async (command: string, id: string) => {
    const list = JSON.parse(await readConflist()) as { name: string; cniVersion: string; plugins: object[] };
    const env = {
      CNI_COMMAND: command,
      CNI_PATH: "/opt/cni/bin",
      CNI_CONTAINERID: id,
      CNI_NETNS: `/run/netns/${id}`,
      CNI_IFNAME: "eth0",
    };
    const { name, cniVersion, plugins } = list;
    return node.exec("/opt/cni/bin/kx-bridge", [], { env, input: JSON.stringify({ name, cniVersion, ...plugins[0] }) });
  };
  return {
    kx,
    node,
    clean,
    agentPid,
    async readyAgent() {
      const health = ["--silent", "--fail", "--unix-socket", "/run/kx/node-agent.sock", "http://agent/readyz"];
      await expect.poll(async () => (await node.exec("curl", health)).exitCode, { timeout: 60_000 }).toBe(0);
      const pid = await agentPid();
      if (pid === undefined) throw new Error("the agent has ended");
      return pid;
    },
    call,
    async attach(id) {
      await node.exec("ip", ["netns", "add", id]);
      const { exitCode, stdout } = await call("ADD", id);
      expect(exitCode, stdout).toBe(0);
      return JSON.parse(stdout);
    },
    async remember(id, result) {
      const config = Buffer.from(await readConflist()).toString("base64");
      const of = { containerId: id, ifName: "eth0", networkName: "kx", netns: `/run/netns/${id}` };
      const input = JSON.stringify({ kind: "cniCacheV1", ...of, config, result });
      await node.exec("tee", [`/var/lib/cni/results/kx-${id}-eth0`], { input });
    },
    installPath,
    async killAgent() {
      const pid = await expect.poll(agentPid, { timeout: 30_000 }).toBeDefined().then(agentPid);
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      await expect.poll(async () => ![undefined, pid].includes(await agentPid()), { timeout: 30_000 }).toBe(true);
    },
    untilClean: () => expect.poll(() => traces(node), { timeout: 60_000, interval: 500 }).toEqual(clean),
    async create(pods, more = {}) {
      const objects = pods.map((name) =>
        webPod(name, node.name, { labels: { app: "x" }, hostPort: (ports += 1), ...more }),
      );
      await kx.apply(...objects);
    },
    readySince: () =>
      kx.kubectl(
        "get",
        "node",
        node.name,
        "-o",
        'jsonpath={.status.conditions[?(@.type=="Ready")].lastTransitionTime}',
      ),
    async watchReady(until) {
      const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
      do {
        expect(await kx.kubectl("get", "node", node.name, "-o", path)).toBe("True");
        await delay(1000);
      } while (Date.now() < until);
    },
    async lookMoreOften() {
      const path = await installPath("node-agent.yaml");
      await writeFile(path, `${await readFile(path, "utf8")}      gcSeconds: 1\n      gcConfirmSeconds: 1\n`);
    },
    async metric(name) {
      const url = "http://agent/metrics";
      const { stdout } = await node.exec("curl", ["--silent", "--unix-socket", "/run/kx/node-agent.sock", url]);
      const line = stdout.split("\n").find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
      return Number(line?.split(" ").at(-1) ?? 0);
    },
  };
}
