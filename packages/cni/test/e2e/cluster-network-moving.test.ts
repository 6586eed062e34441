import { copyFile, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterNode } from "@kx/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KxCluster, kxUp, traces, webPod } from "../support/kx-cluster.ts";

const confDir = "/etc/cni/net.d";
const leasesDir = "/var/lib/cni/networks";
const goConflist = `${confDir}/10-kx-bootstrap.conflist`;
const agentName = "network-agent";
/** The kubelet looks each minute for sandboxes to remove; before, the runtime still knows them. */
const goneMs = 180_000;

// The steps of the README's "Moving from the Go plug-ins", on a node with pods that stay.
describe("a node that moves from the Go plug-ins to kx's network, and back", () => {
  let kx: KxCluster;
  let node: ClusterNode;
  let clean: readonly string[];
  const ips = new Map<string, string>();

  beforeAll(async () => {
    kx = await kxUp(1, "upstream");
    node = kx.cluster.nodes[0]!;
    await start("go", 3, 22_000);
    clean = (await traces(node)).filter((line) => !line.startsWith("link veth"));
  }, 600_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  it("changes nothing for pods as long as the old configuration is there, and says so", async () => {
    await startAgent();
    const told = () => kx.kubectl("get", "events", "--field-selector", "reason=NetworkShadowed", "-o", "name");
    await expect.poll(told, { timeout: 60_000 }).not.toBe("");
    await everybodyAnswers();
  }, 600_000);

  it("gives new pods kx's network once that is away; those of before keep their addresses", async () => {
    await node.exec("mv", [goConflist, "/var/lib/cni/old.conflist"]);
    await start("kx", 3, 22_100);
    expect(await leases("kx")).toEqual(addresses("kx"));
    expect(await leases("kx-bootstrap")).toEqual(addresses("go"));
    await everybodyAnswers();
  }, 600_000);

  it("lets the old plug-ins take away what they have made, when its pod goes", async () => {
    const [ip = ""] = addresses("go", "go-0");
    expect(await rulesOf(ip)).not.toBe("");
    await end("go-0");
    await expect.poll(() => leases("kx-bootstrap"), { timeout: goneMs, interval: 500 }).toEqual(addresses("go"));
    await expect.poll(() => rulesOf(ip), { timeout: goneMs, interval: 500 }).toBe("");
    await everybodyAnswers();
  }, 600_000);

  it("moves back: kx's agent stays until the last of its pods is gone", async () => {
    const old = JSON.parse((await node.exec("cat", ["/var/lib/cni/old.conflist"])).stdout) as object;
    // With kx's leases, and those of the network before it.
    const others = addresses("go").map((ip) => `${leasesDir}/kx-bootstrap/${ip}`);
    await node.exec("cp", ["-n", ...others, `${leasesDir}/kx`]);
    await node.exec("tee", [`${confDir}/.05-go`], { input: JSON.stringify({ ...old, name: "kx" }) });
    await node.exec("mv", [`${confDir}/.05-go`, `${confDir}/05-go.conflist`]);
    await start("back", 3, 22_200);
    await everybodyAnswers();
    await end("kx-0", "kx-1", "kx-2", "go-1", "go-2");
    await expect.poll(() => leases("kx"), { timeout: goneMs, interval: 500 }).toEqual(addresses("back"));
    await expect.poll(() => leases("kx-bootstrap"), { timeout: goneMs, interval: 500 }).toEqual([]);
    const elements = async () => (await traces(node)).filter((line) => line.startsWith("element of kx_host_ports"));
    await expect.poll(elements, { timeout: goneMs, interval: 500 }).toEqual([]);
    await endAgent();
    await node.exec("rm", [`${confDir}/10-kx.conflist`]);
    await start("later", 1);
    await everybodyAnswers();
    await end(...ips.keys());
    const left = async () =>
      (await traces(node)).filter((line) => !clean.includes(line) && !line.startsWith("element of kx_node "));
    await expect.poll(left, { timeout: goneMs, interval: 500 }).toEqual([]);
  }, 600_000);

  const addresses = (network: string, name?: string) =>
    [...ips]
      .flatMap(([pod, ip]) => (pod === name || (name === undefined && pod.startsWith(`${network}-`)) ? [ip] : []))
      .toSorted();
  const leases = async (network: string) =>
    (await node.exec("ls", [`${leasesDir}/${network}`])).stdout
      .split("\n")
      .filter((name) => /^\d+\./.test(name))
      .toSorted();
  const rulesOf = async (ip: string) => {
    const { stdout } = await node.exec("nft", ["list", "ruleset"]);
    return stdout
      .split("\n")
      .filter((line) => line.includes(`${ip}:`) || line.includes(`${ip} `))
      .join("\n");
  };
  /** The agent as a program of the node, which looks often for what is out of use. */
  async function startAgent(): Promise<void> {
    const { hostPath, nodePath } = await installation();
    const options = { folder: nodePath, gcSeconds: 1, gcConfirmSeconds: 1 };
    const extensions = [{ package: "@kx/cni/bridge", options }];
    const config = { apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions };
    // JSON is YAML.
    await writeFile(join(hostPath, `${agentName}.yaml`), JSON.stringify(config));
    const kubeconfig = await kx.cluster.addUser(agentName, ["system:masters"], { forNodes: true });
    await copyFile(kubeconfig, join(hostPath, `${agentName}.kubeconfig`));
    const files = ["--config", `${nodePath}/${agentName}.yaml`, "--kubeconfig", `${nodePath}/${agentName}.kubeconfig`];
    const health = ["--health-port", "0", "--health-socket", `/run/kx/${agentName}.sock`];
    const args = [`${nodePath}/node-agent.js`, ...files, ...health, "--node-name", node.name];
    await node.supervise({ name: agentName, command: `${nodePath}/bin/node`, args });
  }

  /** Whoever supervises it cannot start it again. */
  async function endAgent(): Promise<void> {
    const { hostPath } = await installation();
    await rename(join(hostPath, "node-agent.js"), join(hostPath, "node-agent.away"));
    const agent = (await kx.cluster.processes()).find(({ name }) => name.endsWith(agentName));
    if (agent?.pid !== undefined) process.kill(agent.pid, "SIGTERM");
  }

  /** The files of the agent and of plug-ins, which nodes show at another path. */
  async function installation(): Promise<{ readonly hostPath: string; readonly nodePath: string }> {
    const [version = ""] = await readdir(join(kx.dir, "install"));
    return { hostPath: join(kx.dir, "install", version), nodePath: `/opt/kx/${version}` };
  }

  /** Starts pods; no address is given that another pod has. */
  async function start(prefix: string, count: number, hostPort?: number): Promise<void> {
    const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
    const ports = (index: number) => (hostPort === undefined ? {} : { hostPort: hostPort + index });
    await kx.apply(...names.map((name, index) => webPod(name, "node-1", ports(index))));
    await kx.ready(...names);
    for (const name of names) ips.set(name, await kx.podIp(name));
    expect(new Set(ips.values()).size, JSON.stringify([...ips])).toBe(ips.size);
  }

  async function end(...pods: readonly string[]): Promise<void> {
    await kx.kubectl("delete", "pods", ...pods, "--timeout=90s");
    for (const pod of pods) ips.delete(pod);
  }

  /** Each pod reaches each other one, and the node all ports of theirs. */
  async function everybodyAnswers(): Promise<void> {
    for (const from of ips.keys()) {
      for (const to of ips.values()) expect(await kx.fetchFrom(from, `http://${to}:8080/ip`)).toContain(` ${to}/24 `);
    }
  }
});
