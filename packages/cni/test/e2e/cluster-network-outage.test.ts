import { rename } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FailingNode, openFailingNode } from "../support/failing-node.ts";
import { type KxCluster, kxUp, traces } from "../support/kx-cluster.ts";

const outageMs = 60_000;

// One story on one node: each test starts from a node on which nothing is left of the one before it.
describe("a node on kx's network, in worse times", () => {
  let kx: KxCluster;
  let at: FailingNode;

  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const left = async () => (await traces(at.node)).filter((line) => !at.clean.includes(line));
  const leases = async () => (await traces(at.node)).filter((line) => line.startsWith("lease "));

  beforeAll(async () => {
    kx = await kxUp(1);
    at = await openFailingNode(kx);
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  it("is rebooted with pods on it: they come back, and no address of before is lost", async () => {
    await at.lookMoreOften();
    await at.killAgent();
    const pods = names("booted", 4);
    await at.create(pods, { annotations: { "kubernetes.io/egress-bandwidth": "50M" } });
    await kx.ready(...pods);
    // Of two attachments nobody else will take anything away: of one all, of the other only its lease is known.
    await at.remember("forgotten", await at.attach("forgotten"));
    await at.attach("unknown");
    expect(await leases()).toHaveLength(6);

    await at.node.reboot();
    await expect.poll(() => restarts("booted-"), { timeout: 90_000, interval: 500 }).toEqual([1, 1, 1, 1]);
    await kx.ready(...pods);
    const addresses = await Promise.all(pods.map((pod) => kx.podIp(pod)));
    await expect
      .poll(leases, { timeout: 60_000, interval: 500 })
      .toEqual(addresses.map((ip) => `lease ${ip}`).toSorted());
    for (const pod of pods)
      expect(await kx.fetchFrom("booted-0", `http://${await kx.podIp(pod)}:8080/ip`)).toContain("eth0");
    const kinds = (await left()).map((line) => line.split(" ").slice(0, 2).join(" "));
    expect(kinds.filter((kind) => kind.startsWith("link veth"))).toHaveLength(4);
    await kx.kubectl("delete", "pods", "-l", "app=x", "--timeout=90s");
    await at.untilClean();
  }, 300_000);

  it("stays Ready while its agent cannot start for a minute, and pods start and end", async () => {
    const since = await at.readySince();
    await withoutFiles(["node-agent.js"], async () => {
      const until = Date.now() + outageMs;
      for (let round = 0; Date.now() < until; round++) {
        const pods = names(`absent-${round}`, 2);
        await at.create(pods);
        await kx.ready(...pods);
        await kx.kubectl("delete", "pods", "-l", "app=x", "--timeout=90s");
        await at.untilClean();
        await at.watchReady(0);
      }
      expect(await at.agentPid()).toBe(undefined);
    });
    expect(await at.readySince()).toBe(since);
  }, 300_000);

  it("does so without a program to fall back to: pods end, new ones wait for the agent", async () => {
    const since = await at.readySince();
    const old = names("old", 3);
    await at.create(old);
    await kx.ready(...old);
    await withoutFiles(["kx-cni", "node-agent.js"], async () => {
      const until = Date.now() + outageMs;
      await kx.kubectl("delete", "pods", "-l", "app=x", "--timeout=60s");
      const queued = async () => (await at.node.exec("ls", ["/run/kx/cni/deletes"])).stdout.split("\n").filter(Boolean);
      // Of each of the three plug-ins; the pods are gone from the API server before they are from the node.
      const count = async () => (await queued()).length;
      await expect.poll(count, { timeout: 60_000, interval: 500 }).toBeGreaterThanOrEqual(3 * old.length);
      const veths = async () => (await left()).filter((line) => line.startsWith("link veth"));
      await expect.poll(veths, { timeout: 30_000, interval: 500 }).toEqual([]);
      await at.create(["waiting"]);
      await expect
        .poll(() => events("waiting"), { timeout: 60_000, interval: 500 })
        .toMatch(/the daemon does not answer/);
      await at.watchReady(until);
      expect(await leases()).toHaveLength(old.length);
    });
    await kx.ready("waiting");
    expect(await at.readySince()).toBe(since);
    await kx.kubectl("delete", "pods", "-l", "app=x", "--timeout=90s");
    await at.untilClean();
  }, 300_000);

  it("has no room left for leases: a pod waits, nothing is half made, and there is a way on", async () => {
    const folder = "/var/lib/cni/networks/kx";
    const mount = ["-t", "tmpfs", "-o", "size=64k,nr_inodes=64", "kx-test", folder];
    expect(await at.node.exec("mount", mount)).toMatchObject({ exitCode: 0 });
    try {
      await at.node.exec("dd", ["if=/dev/zero", `of=${folder}/filler`, "bs=4k"]);
      await at.create(["crowded"]);
      await expect
        .poll(() => events("crowded"), { timeout: 60_000, interval: 500 })
        .toMatch(/no space left.*make room/is);
      expect(await left()).toEqual([]);
      await at.node.exec("rm", [`${folder}/filler`]);
      await kx.ready("crowded");
      expect(await leases()).toEqual([`lease ${await kx.podIp("crowded")}`]);
      await kx.kubectl("delete", "pods", "-l", "app=x", "--timeout=90s");
      await at.untilClean();
    } finally {
      await at.node.exec("umount", [folder]);
    }
    await at.untilClean();
  }, 300_000);

  async function restarts(prefix: string): Promise<readonly number[]> {
    const path = `jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].restartCount}{"\\n"}{end}`;
    const lines = (await kx.kubectl("get", "pods", "-o", path)).split("\n");
    return lines.filter((line) => line.startsWith(prefix)).map((line) => Number(line.split(" ")[1]));
  }

  function events(pod: string): Promise<string> {
    return kx.kubectl(
      "get",
      "events",
      "--field-selector",
      `involvedObject.name=${pod}`,
      "-o",
      "jsonpath={.items[*].message}",
    );
  }

  /** Ends the agent and lets it not come back while something is done, as files that it or plug-ins need are away. */
  async function withoutFiles(files: readonly string[], work: () => Promise<void>): Promise<void> {
    const paths = await Promise.all(files.map((name) => at.installPath(name)));
    for (const path of paths) await rename(path, `${path}.away`);
    try {
      const pid = await at.agentPid();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      await work();
    } finally {
      for (const path of paths) await rename(`${path}.away`, path);
    }
    await expect.poll(at.agentPid, { timeout: 30_000 }).toBeDefined();
    await at.readyAgent();
  }
});
