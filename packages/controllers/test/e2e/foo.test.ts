import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { Foo } from "@kx/controllers/foo";
import { clusterClient, eventually } from "@kx/controllers/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Comparison, compare, type Json } from "../support/compare.ts";
import { fooCases } from "../support/foo-cases.ts";
import { fooFaultCases } from "../support/foo-fault-cases.ts";
import { deploymentView, type FooLab, openCase } from "../support/foo-lab.ts";
import { type FooPeer, goPeer, goProgram, kxPeer, type RunningPeer } from "../support/foo-peers.ts";
import observed from "../support/sample-controller.observed.json" with { type: "json" };

// The same cases against kubernetes/sample-controller and against kx, each with an API server of its own: what the
// original does is what kx has to do. Where the original cannot run, what was observed of it stands for it.
const program = goProgram();
const go = program === undefined ? [] : [goPeer(program)];
// Which version of the original the program is; set it to record anew.
const recording = go.length === 0 ? undefined : process.env["KX_RECORD"];
const recorded: Readonly<Record<string, Json>> = observed.observations;

const examples = join(import.meta.dirname, "../../../../examples/foo");
const withStatus = join(examples, "crd-status-subresource.yaml");
const withoutStatus = join(examples, "crd.yaml");

const live: Record<string, Json> = {};
const comparisons: Comparison[] = [];

function note(peer: FooPeer, name: string, observation: Json): void {
  if (peer.name !== "kx") live[name] = observation;
  if (recording !== undefined && peer.name !== "kx") return;
  for (const expected of peer.name === "kx"
    ? [live[name], recording === undefined ? recorded[name] : undefined]
    : [recorded[name]]) {
    if (expected === undefined) continue;
    const comparison = compare(observation, expected);
    comparisons.push(comparison);
    expect(comparison.differences, `${peer.name} beside kubernetes/sample-controller`).toEqual([]);
  }
}

describe.each([...go, kxPeer()])("$name", (peer) => {
  let cluster: ControlPlane;
  let client: Client;
  let controller: RunningPeer;
  let lab: FooLab;
  let count = 0;
  const nextNamespace = (): string => `case-${(++count).toString().padStart(2, "0")}`;

  beforeAll(async () => {
    cluster = await startControlPlane({ controllerManager: true });
    client = await clusterClient(cluster);
    await cluster.installCrds(withStatus);
    controller = await peer.start(cluster.kubeconfig);
    lab = {
      cluster,
      client,
      peer,
      running: () => controller,
      async restart() {
        await controller[Symbol.asyncDispose]();
        controller = await peer.start(cluster.kubeconfig);
      },
    };
  });

  afterAll(async () => {
    await controller?.[Symbol.asyncDispose]();
    await client?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  describe("with the status subresource", () => {
    it.each(Object.entries(fooCases))("%s", async (name, run) => {
      note(peer, name, await run(await openCase(lab, nextNamespace())));
    });

    it.each(Object.entries(fooFaultCases))("%s", { timeout: 400_000 }, async (name, run) => {
      note(peer, name, await run(await openCase(lab, nextNamespace())));
    });
  });

  describe("without it, put in its place under the controller", () => {
    beforeAll(async () => {
      // Else the original is busy failing with them, five requests a second.
      const { items } = await client.list(Foo);
      for (const { metadata } of items) await client.delete(Foo, metadata);
      await cluster.installCrds(withoutStatus);
      const served = async () => (await client.discover(Foo.group, Foo.version)).hasSubresource(Foo.plural, "status");
      await eventually(async () => !(await served()), { describe: "the CRD without the subresource" });
    });

    it("makes the Deployment", async () => {
      const c = await openCase(lab, nextNamespace());
      await c.createFoo("plain", { deploymentName: "plain", replicas: 1 });
      const deployment = await c.settled("plain");
      note(peer, "makes the Deployment", deploymentView(deployment));
    });

    if (peer.name === "kx")
      it("updates the whole Foo, and keeps what kubectl wrote down in it", async () => {
        const c = await openCase(lab, nextNamespace());
        const applied = await cluster.kubectl(["apply", "-n", c.namespace, "-f", join(examples, "example-foo.yaml")]);
        expect(applied.stderr).toBe("");
        await c.synced("example-foo");
        const foo = await c.foo("example-foo");
        expect(foo.status).toEqual({ availableReplicas: 0 });
        expect(foo.spec).toEqual({ deploymentName: "example-foo", replicas: 1 });
        expect(foo.metadata.annotations).toHaveProperty(["kubectl.kubernetes.io/last-applied-configuration"]);
      });

    // The one deviation: the original knows UpdateStatus alone, and never gets done with such a Foo.
    if (peer.name !== "kx")
      it("fails again and again, and writes no status", async () => {
        const c = await openCase(lab, nextNamespace());
        await c.createFoo("plain", { deploymentName: "plain", replicas: 1 });
        const failures = () => controller.lines().filter((line) => line.includes(`${c.namespace}/plain`)).length;
        await c.until("three failures", async () => failures() >= 3);
        expect((await c.foo("plain")).status).toBeUndefined();
        expect(await c.events("plain", "Synced")).toEqual([]);
      });
  });
});

describe("the comparison", () => {
  it("has covered every case", () => {
    const compared = comparisons.reduce((sum, comparison) => sum + comparison.compared, 0);
    const against =
      go.length === 0 ? "what was recorded of" : recording === undefined ? "a running and a recorded" : "a running";
    console.log(`${compared} values in ${comparisons.length} observations: kx is as ${against} sample-controller`);
    const names = [...Object.keys(fooCases), ...Object.keys(fooFaultCases), "makes the Deployment"];
    expect(Object.keys(recording === undefined ? recorded : live).toSorted()).toEqual(names.toSorted());
    expect(comparisons.length).toBeGreaterThanOrEqual(names.length);
    expect(compared).toBeGreaterThan(200);
  });

  it("reports a planted difference", () => {
    const name = "scales the Deployment from 1 to 4";
    const original = recording === undefined ? recorded[name] : live[name];
    const planted = JSON.parse(
      JSON.stringify(original).replace('"blockOwnerDeletion":true', '"blockOwnerDeletion":false'),
    ) as Json;
    expect(compare(planted, original).differences).toEqual([
      "/metadata/ownerReferences/0/blockOwnerDeletion: false ≠ true",
    ]);
  });

  if (recording !== undefined)
    it("is kept for machines without the original", async () => {
      const file = join(import.meta.dirname, "../support/sample-controller.observed.json");
      const text = JSON.stringify({ of: `kubernetes/sample-controller ${recording}`, observations: live }, null, 2);
      await writeFile(file, `${text}\n`);
    });
});
