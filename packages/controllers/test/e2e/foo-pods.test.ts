import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Cluster } from "@kx/cluster";
import { test } from "@kx/cluster/vitest";
import { Pod } from "@kx/controllers/api/core-v1";
import { Foo } from "@kx/controllers/foo";
import { clusterClient, eventually } from "@kx/controllers/testing";
import { afterAll, describe, expect } from "vitest";
import { caseIn, type FooCase } from "../support/foo-lab.ts";
import { type FooPeer, goPeer, goProgram, kxPeer } from "../support/foo-peers.ts";

// What needs nodes: the pods of Foos, and the status that follows them.
const examples = join(import.meta.dirname, "../../../../examples/foo");
const withStatus = join(examples, "crd-status-subresource.yaml");
const withoutStatus = join(examples, "crd.yaml");
const program = goProgram();
const go = program === undefined ? [] : [goPeer(program)];

let removeCrd: (() => Promise<unknown>) | undefined;
afterAll(() => removeCrd?.());

/** Runs a case with a CRD and a controller of its own. */
async function withPeer(
  { peer, crd, cluster, namespace }: { peer: FooPeer; crd: string; cluster: Cluster; namespace: string },
  run: (c: FooCase) => Promise<void>,
): Promise<void> {
  removeCrd ??= () => cluster.kubectl(["delete", "-f", withStatus, "--ignore-not-found"]);
  await cluster.installCrds(crd);
  await using client = await clusterClient(cluster);
  const served = async () => (await client.discover(Foo.group, Foo.version)).hasSubresource(Foo.plural, "status");
  await eventually(async () => (await served()) === (crd === withStatus), { describe: `what ${crd} says is served` });
  await using controller = await peer.start(cluster.kubeconfig);
  const lab = { cluster, client, peer, running: () => controller, restart: () => Promise.reject(new Error("no")) };
  await run(caseIn(lab, namespace));
}

const runningPods = async (c: FooCase): Promise<Pod[]> =>
  (await c.client.list(Pod, { namespace: c.namespace })).items.filter(({ status }) => status?.phase === "Running");

/** The example, applied as it is, until its pod runs and the Foo says so; then scaled, then deleted. */
async function exampleCase(c: FooCase): Promise<void> {
  const file = join(examples, "example-foo.yaml");
  const applied = await c.cluster.kubectl(["apply", "-n", c.namespace, "-f", file]);
  expect(applied.exitCode, applied.stderr).toBe(0);
  const available = (count: number): Promise<unknown> =>
    c.until(`${count} available`, async () => (await c.foo("example-foo")).status?.availableReplicas === count);
  await available(1);
  const [pod, ...others] = await runningPods(c);
  expect(others).toEqual([]);
  expect(pod?.spec?.nodeName).toMatch(/^node-[12]$/);
  expect(pod?.spec?.containers).toMatchObject([{ name: "nginx", image: "nginx:latest" }]);
  expect(pod?.metadata.labels).toMatchObject({ app: "nginx", controller: "example-foo" });
  await c.patchFoo("example-foo", { replicas: 4 });
  await available(4);
  expect(await runningPods(c)).toHaveLength(4);
  await c.client.delete(Foo, { name: "example-foo", namespace: c.namespace });
  await c.until("no pod", async () => (await c.client.list(Pod, { namespace: c.namespace })).items.length === 0);
}

describe.each([...go, kxPeer()])("$name", (peer) => {
  test("runs the example's pods, follows a scale from 1 to 4, and lets them go with the Foo", async ({
    cluster,
    namespace,
  }) => {
    await withPeer({ peer, crd: withStatus, cluster, namespace }, exampleCase);
  });
});

describe("kx alone", () => {
  test("does the same where the status is no subresource", async ({ cluster, namespace }) => {
    await withPeer({ peer: kxPeer(), crd: withoutStatus, cluster, namespace }, exampleCase);
  });

  test("runs the pods of a template it was given", async ({ cluster, namespace }) => {
    const nonce = randomBytes(8).toString("hex");
    const container = { name: "echo", image: "busybox:latest", command: ["sh", "-c", `echo ${nonce}; sleep 1000`] };
    const podTemplate = { spec: { terminationGracePeriodSeconds: 0, containers: [container] } };
    await withPeer({ peer: kxPeer({ podTemplate }), crd: withStatus, cluster, namespace }, async (c) => {
      await c.createFoo("echo", { deploymentName: "echo", replicas: 1 });
      const said = await c.until("the pod speaks", async () => {
        const { stdout } = await cluster.kubectl(["logs", "-n", namespace, "-l", "controller=echo"]);
        return stdout.trim() || undefined;
      });
      expect(said).toBe(nonce);
    });
  });
});
