import { join } from "node:path";
import { type Cluster, startCluster } from "@kx/cluster";
import type { Client, Stored } from "@kx/controllers";
import { Pod } from "@kx/controllers/api/core-v1";
import { clusterClient } from "@kx/controllers/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FooCase, openCase } from "../support/foo-lab.ts";
import { kxPeer, type RunningPeer } from "../support/foo-peers.ts";

const crd = join(import.meta.dirname, "../../../../examples/foo/crd-status-subresource.yaml");

// Each start of the container has an id of its own, that dies with it: what a pod's status says may be of before.
const script = "cat /proc/sys/kernel/random/uuid > /tmp/life; sleep 100000; exit 1";
const container = { name: "lives", image: "busybox:latest", command: ["sh", "-c", script] };
const podTemplate = { spec: { terminationGracePeriodSeconds: 0, containers: [container] } };

let cluster: Cluster;
let client: Client;
let controller: RunningPeer;
let c: FooCase;

beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
  client = await clusterClient(cluster);
  await cluster.installCrds(crd);
  const peer = kxPeer({ podTemplate });
  controller = await peer.start(cluster.kubeconfig);
  const restart = () => Promise.reject(new Error("the controller runs on"));
  c = await openCase({ cluster, client, peer, running: () => controller, restart }, "node-restarts");
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await client?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

/** What a restart of a pod's container would change. */
interface Life {
  readonly pod: string;
  readonly restarts: number | undefined;
  readonly containerId: string | undefined;
  /** As the container itself says now. */
  readonly life: string;
}

async function lifeOf({ metadata, status }: Stored<Pod>): Promise<Life> {
  const { stdout, stderr } = await cluster.kubectl([
    "exec",
    "-n",
    c.namespace,
    metadata.name,
    "--",
    "cat",
    "/tmp/life",
  ]);
  if (stdout === "") throw new Error(`${metadata.name} does not answer: ${stderr}`);
  const [state] = status?.containerStatuses ?? [];
  const { name, uid } = metadata;
  return { pod: `${name} ${uid}`, restarts: state?.restartCount, containerId: state?.containerID, life: stdout.trim() };
}

async function runningPods(): Promise<Stored<Pod>[]> {
  const { items } = await client.list(Pod, { namespace: c.namespace });
  return items.filter(
    ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase === "Running",
  );
}

/** Waits until the Foo has so many pods that run and answer, and tells of their lives. */
async function settled(replicas: number): Promise<Life[]> {
  return c.until(
    `${replicas} pods at work`,
    async () => {
      const available = (await c.foo("steady")).status?.availableReplicas;
      const pods = await runningPods();
      if (available !== replicas || pods.length !== replicas) {
        throw new Error(`${available} available, running: ${pods.map(({ metadata }) => metadata.name).join()}`);
      }
      return Promise.all(pods.map(lifeOf));
    },
    120_000,
  );
}

const processes = async (name: string) =>
  (await cluster.processes()).filter((process) => process.name.endsWith(`/${name}`));

/** Kills a program on both nodes, scales the Foo while it is down, and waits until the program and the pods are there. */
async function scaleAcross(names: readonly string[], replicas: number): Promise<Life[]> {
  const before = (await Promise.all(names.map(processes))).flat();
  expect(before).toHaveLength(2 * names.length);
  for (const { pid, name } of before) {
    if (pid === undefined) throw new Error(`${name} does not run`);
    process.kill(pid, "SIGKILL");
  }
  await c.patchFoo("steady", { replicas });
  await c.until(`${names.join(" and ")} again`, async () => {
    const now = (await Promise.all(names.map(processes))).flat();
    return now.every(({ restarts, state }, index) => state === "running" && restarts > (before[index]?.restarts ?? 0));
  });
  return settled(replicas);
}

describe("pods of a Foo, under a controller that runs on", () => {
  let lives: Life[];

  beforeAll(async () => {
    await c.createFoo("steady", { deploymentName: "steady", replicas: 2 });
    lives = await settled(2);
  });

  it.each([
    [["kubelet"], 4],
    [["containerd"], 6],
    [["kubelet", "containerd"], 8],
  ])("live on while %j is killed on both nodes, and those of a scale meanwhile join them", async (names, replicas) => {
    const now = await scaleAcross(names, replicas);
    expect(now).toEqual(expect.arrayContaining(lives));
    expect(new Set(now.map(({ life }) => life)).size).toBe(replicas);
    expect(now.filter(({ restarts }) => restarts !== 0)).toEqual([]);
    lives = now;
  });

  it("go, as many as asked, with a scale down while both are killed, and the rest lives on", async () => {
    const now = await scaleAcross(["kubelet", "containerd"], 1);
    expect(now).toHaveLength(1);
    expect(lives).toEqual(expect.arrayContaining(now));
    lives = now;
  });

  it("are told apart from one that was restarted", async () => {
    const [pod] = await runningPods();
    await cluster.kubectl(["exec", "-n", c.namespace, pod?.metadata.name ?? "", "--", "killall", "sleep"]);
    await c.until("the container's second life", async () => {
      const [now] = await settled(1);
      return now?.restarts === 1 && now.life !== lives[0]?.life && now.containerId !== lives[0]?.containerId;
    });
  });
});

it("the controller met nothing but conflicts, which it tried again", () => {
  const failures = controller.lines().filter((line) => line.startsWith("error"));
  expect(failures.filter((line) => !line.includes("KX_API_CONFLICT"))).toEqual([]);
});
