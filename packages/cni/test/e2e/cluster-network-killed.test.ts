import { closeSync, openSync, readdirSync, readFileSync, watch } from "node:fs";
import { tryLock } from "@kx/core/linux";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FailingNode, openFailingNode } from "../support/failing-node.ts";
import { type KxCluster, kxUp, traces } from "../support/kx-cluster.ts";

const limited = { annotations: { "kubernetes.io/ingress-bandwidth": "50M", "kubernetes.io/egress-bandwidth": "50M" } };

// A pod's ADD is three calls of plug-ins, and so is its DEL. The daemon takes a lock for each, a file that can be watched: at
// the first, second and third of them, at once or some milliseconds later, it is stopped by SIGSTOP, looked at, and killed.
// Where the leases are locked by somebody else, it is killed exactly before it would use them.
const moments = [1, 2, 3].flatMap((call) => [0, 1, 3].map((afterMs) => ({ call, afterMs })));

describe("kx's daemon, killed", () => {
  let kx: KxCluster;
  let at: FailingNode;
  let root = "";

  beforeAll(async () => {
    kx = await kxUp(1);
    at = await openFailingNode(kx);
    const init = (await kx.cluster.processes()).find(({ name }) => name === "node-1/init");
    root = `/proc/${init?.pid}/root`;
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  const names = (prefix: string) => moments.map((_, index) => `${prefix}-${index}`);
  const leases = async () => (await traces(at.node)).filter((line) => line.startsWith("lease "));
  const addressesOf = async (pods: readonly string[]) =>
    (await Promise.all(pods.map((pod) => kx.podIp(pod)))).map((ip) => `lease ${ip}`).toSorted();
  // Unlike at once, the API server then waits for the node to be done.
  const remove = (...pods: readonly string[]) =>
    kx.kubectl("delete", "pods", ...pods, "--grace-period=1", "--wait=false");

  it("anywhere in ADD: the pod starts all the same, with an address of its own and nothing beside it", async () => {
    const hits: Hit[] = [];
    for (const [index, moment] of moments.entries()) {
      hits.push(await killAt(moment, () => at.create([`add-${index}`], limited)));
    }
    console.info(`what each kill has added:\n${hits.map((hit) => told(hit.added)).join("\n")}`);
    // It was taken up, and not done.
    expect(hits.some(({ added }) => has(added, "lease") && !has(added, "result"))).toBe(true);
    const pods = names("add");
    await kx.ready(...pods);
    const own = await addressesOf(pods);
    expect(new Set(own).size).toBe(pods.length);
    await expect.poll(leases, { timeout: 60_000, interval: 500 }).toEqual(own);
    for (const pod of pods)
      expect(await kx.fetchFrom(pods[0]!, `http://${await kx.podIp(pod)}:8080/ip`)).toContain("eth0");
  }, 400_000);

  it("anywhere in DEL: the pod goes all the same, and nothing of it stays", async () => {
    const hits: Hit[] = [];
    for (const [index, moment] of moments.entries()) {
      hits.push(await killAt(moment, () => remove(`add-${index}`)));
    }
    console.info(`what was gone at each kill:\n${hits.map((hit) => told(hit.gone)).join("\n")}`);
    expect(hits.some(({ gone }) => has(gone, "element") && !has(gone, "result"))).toBe(true);
    await kx.kubectl("wait", "--for=delete", ...names("add").map((pod) => `pod/${pod}`), "--timeout=90s");
    await at.untilClean();
  }, 400_000);

  it("exactly before it gives an address, and before it takes one back", async () => {
    await whileLeasesAreLocked(() => killAt({ call: 1, afterMs: 100 }, () => at.create(["exact"], limited)));
    await kx.ready("exact");
    expect(await leases()).toEqual(await addressesOf(["exact"]));
    await whileLeasesAreLocked(async () => {
      await killAt({ call: 3, afterMs: 100 }, () => remove("exact"));
      expect(await leases()).toHaveLength(1);
    });
    await kx.kubectl("wait", "--for=delete", "pod/exact", "--timeout=90s");
    await at.untilClean();
  }, 300_000);

  const has = (lines: readonly string[], kind: string) => lines.some((line) => line.startsWith(kind));
  const told = (lines: readonly string[]) =>
    `  ${lines.map((line) => line.split(" ").slice(0, 2).join(" ").slice(0, 20)).join("; ") || "nothing"}`;

  /** Kills the daemon at a call that something leads to; then waits for the next daemon. */
  async function killAt({ call, afterMs }: (typeof moments)[number], lead: () => Promise<unknown>): Promise<Hit> {
    const pid = await at.readyAgent();
    const before = await traces(at.node);
    const locks = `${root}/run/kx/cni/locks`;
    const known = new Set(readdirSync(locks));
    const calls = new Set<string | null>();
    const stopped = Promise.withResolvers<void>();
    const watcher = watch(locks, (_event, name) => {
      if (calls.size === call || known.has(name ?? "")) return;
      if (calls.add(name).size < call) return;
      for (const end = performance.now() + afterMs; performance.now() < end; );
      process.kill(pid, "SIGSTOP");
      stopped.resolve();
    });
    try {
      await lead();
      await expect.poll(() => calls.size, { timeout: 60_000 }).toBe(call);
      await stopped.promise;
      const now = await traces(at.node);
      return {
        added: now.filter((line) => !before.includes(line)),
        gone: before.filter((line) => !now.includes(line)),
      };
    } finally {
      watcher.close();
      await kill(pid);
    }
  }

  async function kill(pid: number): Promise<void> {
    const nsenter = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    process.kill(pid, "SIGKILL");
    // It stops itself when its child is stopped.
    process.kill(Number(nsenter), "SIGCONT");
    await expect.poll(at.agentPid, { timeout: 30_000 }).not.toBe(pid);
    await at.readyAgent();
  }

  /** Holds what every plug-in that manages addresses must lock. */
  async function whileLeasesAreLocked(work: () => Promise<unknown>): Promise<void> {
    const fd = openSync(`${root}/var/lib/cni/networks/kx/lock`, "r");
    try {
      await expect.poll(() => tryLock(fd)).toBe(true);
      await work();
    } finally {
      closeSync(fd);
    }
  }
});

/** What the daemon had done when it was stopped. */
interface Hit {
  readonly added: readonly string[];
  readonly gone: readonly string[];
}
