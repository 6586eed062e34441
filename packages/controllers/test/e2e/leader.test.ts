import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { Lease } from "@kx/controllers/api/coordination-v1";
import { ConfigMap, Namespace } from "@kx/controllers/api/core-v1";
import { clusterClient, eventually } from "@kx/controllers/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

let cluster: ControlPlane;
let client: Client;
const replicas = new Set<ChildProcess>();

beforeAll(async () => {
  cluster = await startControlPlane();
  client = await clusterClient(cluster);
});
afterEach(async () => {
  lines.length = 0;
  for (const child of replicas) {
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  replicas.clear();
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await cluster.stop();
});

function startReplica(namespace: string, identity: string): ChildProcess {
  const script = fileURLToPath(new URL("../support/replica.ts", import.meta.url));
  // However this process ends, the other one goes with it.
  const args = ["--pdeathsig", "KILL", process.execPath, script, cluster.kubeconfig, namespace, identity];
  const child = spawn("setpriv", args, { stdio: ["ignore", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(`${identity} ${line}`));
  replicas.add(child);
  return child;
}
const lines: string[] = [];

/** Two replicas, the first of which leads; `writers` are the holders of every version of the counter, in order. */
async function start(namespace: string) {
  await client.create(Namespace, { metadata: { name: namespace } });
  const counter = { metadata: { name: "counter", namespace }, data: {} };
  const { metadata } = await client.create(ConfigMap, counter);
  const writers: string[] = [];
  const stop = new AbortController();
  const follow = async (): Promise<void> => {
    const { resourceVersion } = metadata;
    const options = { namespace, fieldSelector: "metadata.name=counter", resourceVersion, signal: stop.signal };
    for await (const event of client.watch(ConfigMap, options)) {
      if (event.type === "MODIFIED") writers.push(event.object.data?.["holder"] ?? "");
    }
  };
  const following = follow().catch(() => undefined);
  const first = startReplica(namespace, "first");
  const until = (what: string, holds: () => boolean) =>
    eventually(holds, { describe: what, timeoutMs: 30_000 }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${lines.slice(-20).join("\n")}`, { cause: error });
    });
  await until("the first replica acts", () => writers.length > 10);
  const second = startReplica(namespace, "second");
  await until("the second one stands by", () =>
    lines.some((line) => line.startsWith("second") && line.includes("standing by")),
  );
  const lease = async () => (await client.get(Lease, { name: "counter", namespace })).spec;
  return {
    first,
    second,
    writers,
    until,
    lease,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}

/** How often the holder changes from one version of the counter to the next. */
function changes(writers: readonly string[]): number {
  return writers.filter((writer, index) => index > 0 && writer !== writers[index - 1]).length;
}

describe("two replicas", () => {
  it("have one leader; when it is killed the other takes over within the lease's bound", async () => {
    await using t = await start("killed");
    expect(new Set(t.writers)).toEqual(new Set(["first"]));
    const before = await t.lease();
    t.first.kill("SIGKILL");
    await t.until("the second replica acts", () => t.writers.filter((writer) => writer === "second").length > 10);
    const after = await t.lease();
    const takenMs = Date.parse(after?.acquireTime ?? "") - Date.parse(before?.renewTime ?? "");
    console.log(`taken over ${takenMs} ms after the renewal last seen, ${t.writers.length} versions of the counter`);
    expect(after).toMatchObject({ holderIdentity: "second", leaseTransitions: 1 });
    expect(after?.renewTime).toMatch(/\.\d{6}Z$/);
    // The lease's duration, one more renewal than was seen, and the longest wait between two looks; a busy machine.
    expect(takenMs).toBeLessThanOrEqual(4000 + 500 + 2.2 * 500 + 2000);
    expect(changes(t.writers)).toBe(1);
  });

  it("have one leader although it is paused past its lease and then goes on", async () => {
    await using t = await start("paused");
    t.first.kill("SIGSTOP");
    await t.until("the second replica acts", () => t.writers.filter((writer) => writer === "second").length > 10);
    t.first.kill("SIGCONT");
    const seen = t.writers.length;
    await t.until("the first one stands by", () =>
      lines.some((line) => line.startsWith("first") && line.includes("standing by")),
    );
    await t.until("the second one goes on", () => t.writers.length > seen + 50);
    expect(changes(t.writers)).toBe(1);
  });

  it("hand over at once when the leader is asked to stop", async () => {
    await using t = await start("stopped");
    t.first.kill("SIGTERM");
    await once(t.first, "exit");
    await t.until("the second replica acts", () => t.writers.includes("second"));
    expect(lines.some((line) => line.startsWith("first") && line.includes("lease released"))).toBe(true);
    expect(changes(t.writers)).toBe(1);
  });
});
