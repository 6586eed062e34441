import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, type ClusterNode, connectCluster } from "@kx/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kx } from "./run-kx.ts";

describe("kx doctor beside a cluster", () => {
  let parent: string;
  let dir: string;
  let cluster: Cluster;
  let node: ClusterNode;
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), "kxd-"));
    dir = join(parent, "c");
    expect(await kx(dir, "up")).toMatchObject({ code: 0 });
    cluster = await connectCluster(dir);
    node = cluster.nodes[0]!;
  }, 240_000);
  afterAll(async () => {
    await kx(dir, "down");
    await rm(parent, { recursive: true, force: true });
  });

  const warnings = async () => {
    const { stdout } = await kx(dir, "doctor", "-o", "json");
    return (JSON.parse(stdout) as { warnings: { node: string; reason: string; message: string }[] }).warnings;
  };
  const until = (expected: readonly object[]) =>
    // The agent looks every half minute for what no event tells.
    expect.poll(warnings, { timeout: 90_000, interval: 500 }).toEqual(expected);
  const warning = (reason: string, words: string) => ({
    node: "node-1",
    reason,
    message: expect.stringContaining(words),
  });

  it("finds nothing to warn of at first", async () => {
    expect(await warnings()).toEqual([]);
    const { code, stdout } = await kx(dir, "doctor");
    expect({ code, hasWarning: stdout.includes("WARNING") }).toEqual({ code: 0, hasWarning: false });
  });

  it("warns of policies that nothing enforces, and of another network's configuration, as long as there are some", async () => {
    const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "deny" } };
    const input = JSON.stringify({ ...policy, spec: { podSelector: {} } });
    expect(await cluster.kubectl(["apply", "-f", "-"], { input })).toMatchObject({ exitCode: 0 });
    const unenforced = warning("NetworkPolicyNotEnforced", "does not enforce them");
    await until([unenforced]);

    const other = "/etc/cni/net.d/05-other.conflist";
    await node.exec("tee", [other], { input: "{}" });
    await until([warning("NetworkShadowed", other), unenforced]);
    const { code, stdout } = await kx(dir, "doctor");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^NODE +WARNING +MESSAGE\nnode-1 +NetworkShadowed +the container runtime uses \S+05-other/m);

    await node.exec("rm", [other]);
    await until([unenforced]);
    await cluster.kubectl(["delete", "networkpolicy", "deny"]);
    await until([]);
  }, 300_000);

  it("warns of plug-ins that were removed, which no pod is asked to use then", async () => {
    const conflist = "/etc/cni/net.d/10-kx.conflist";
    await node.exec("sh", ["-c", `rm ${conflist} /opt/cni/bin/kx-*`]);
    await until([warning("PluginsMissing", "no plug-ins in /opt/cni/bin")]);
    expect((await node.exec("ls", [conflist])).exitCode).not.toBe(0);
  }, 300_000);
});
