// The snapshot controller in clusters where others do its work, or have installed its CRDs.
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import { type Client, isNotFound } from "@kx/controllers";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { Lease } from "@kx/controllers/api/coordination-v1";
import { clusterClient, eventually } from "@kx/controllers/testing";
import { systemClock } from "@kx/core";
import { type Running, runHost } from "@kx/core/host";
import { collectingLogger } from "@kx/core/testing";
import { type SnapshotControllerOptions, snapshotController, snapshotCrds } from "@kx/csi/snapshot-controller";
import { afterAll, beforeAll, expect, it } from "vitest";

let cluster: ControlPlane;
let client: Client;

beforeAll(async () => {
  cluster = await startControlPlane();
  client = await clusterClient(cluster);
});
afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

async function start(options: SnapshotControllerOptions = {}) {
  const log = collectingLogger();
  const running: Running = await runHost({
    role: "controller",
    extensions: [snapshotController(options)],
    log,
    clock: systemClock,
    kubeconfig: cluster.kubeconfig,
  });
  return { log, running };
}
const name = "volumesnapshots.snapshot.storage.k8s.io";
const find = () =>
  client.get(CustomResourceDefinition, { name }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
const asideMessage = "another snapshot controller is there, standing aside";

it("stands aside, ready, while others hold their lease, and works when it has run out", async () => {
  const now = Date.now();
  await client.create(Lease, {
    metadata: { name: "snapshot-controller-leader", namespace: "kube-system" },
    spec: {
      holderIdentity: "other",
      leaseDurationSeconds: 15,
      renewTime: `${new Date(now).toISOString().slice(0, 19)}.000000Z`,
    },
  });
  const { log, running } = await start({ groups: false });
  await using _ = running;
  await running.ready;
  expect(log.messages("warn")).toContain(asideMessage);
  expect(await find()).toBeUndefined();
  const crd = await eventually(find, { describe: "the CRD", timeoutMs: 60_000 });
  expect(Date.now() - now).toBeGreaterThan(14_000);
  expect(crd.metadata.labels).toMatchObject({ "app.kubernetes.io/managed-by": "kx" });
});

it("leaves CRDs of others as they are, and works beside them only if it is told to", async () => {
  await client.delete(CustomResourceDefinition, { name });
  await eventually(async () => (await find()) === undefined, { describe: "the CRD to be gone" });
  const [, , wanted] = snapshotCrds({ groups: false });
  if (wanted?.metadata.name !== name) throw new Error(`not ${name}: ${wanted?.metadata.name}`);
  const theirs = await client.create(CustomResourceDefinition, wanted);
  {
    const { log, running } = await start({ groups: false });
    await using _ = running;
    await running.ready;
    expect(log.messages("warn")).toContain(asideMessage);
  }
  const { log, running } = await start({ groups: false, takeOver: true });
  await using _ = running;
  await running.ready;
  expect(log.messages("warn")).not.toContain(asideMessage);
  expect((await find())?.spec.versions).toEqual(theirs.spec.versions);
  expect((await find())?.metadata.labels).toBeUndefined();
});
