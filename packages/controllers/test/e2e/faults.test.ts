import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import {
  type Client,
  type ControllerDefinition,
  createCache,
  createClient,
  defineController,
  defineResource,
  done,
  keyOf,
} from "@kx/controllers";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { ConfigMap, Namespace } from "@kx/controllers/api/core-v1";
import { Event } from "@kx/controllers/api/events-v1";
import { ClusterRole, ClusterRoleBinding } from "@kx/controllers/api/rbac-v1";
import { loadKubeconfig } from "@kx/controllers/kubeconfig";
import { clusterClient, eventually } from "@kx/controllers/testing";
import { KxError, systemClock } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import { runHost } from "@kx/core/host";
import { collectingLogger } from "@kx/core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { startRelay } from "../support/relay.ts";

let cluster: ControlPlane;
let client: Client;
let folder: string;

beforeAll(async () => {
  cluster = await startControlPlane();
  client = await clusterClient(cluster);
  folder = await mkdtemp(join(tmpdir(), "kx-faults-"));
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await cluster.stop();
  await rm(folder, { recursive: true });
});

async function namespace(name: string): Promise<string> {
  await client.create(Namespace, { metadata: { name } });
  return name;
}

/** Tries until the server answers; what it answered already (a conflict with itself after a lost answer) counts. */
async function insist(change: () => Promise<unknown>): Promise<void> {
  await eventually(
    async () => {
      try {
        await change();
        return true;
      } catch (error) {
        if (KxError.is(error) && /KX_API_(ALREADY_EXISTS|NOT_FOUND)/.test(error.code)) return true;
        throw error;
      }
    },
    { describe: "a change gets through", timeoutMs: 60_000 },
  );
}

/** Keys and versions of config maps, sorted. */
function versions(objects: readonly { metadata: { name?: string; namespace?: string; resourceVersion?: string } }[]) {
  return objects.map((object) => `${keyOf(object)}@${object.metadata.resourceVersion}`).toSorted();
}

async function runController(definition: Partial<ControllerDefinition<ConfigMap>>, kubeconfig = cluster.kubeconfig) {
  const log = collectingLogger();
  const seen = new Map<string, string>();
  const controller = defineController<ConfigMap>({
    name: "follower",
    for: ConfigMap,
    async reconcile({ key, object }, { events }) {
      if (object === undefined) seen.delete(key);
      else {
        seen.set(key, object.metadata.resourceVersion);
        events.event(object, { type: "Normal", reason: "Seen", message: "The config map was seen" });
      }
      return done;
    },
    ...definition,
  });
  const host = await runHost({ role: "controller", extensions: [controller], log, clock: systemClock, kubeconfig });
  return { log, seen, host, controller, [Symbol.asyncDispose]: async () => void (await host.stop()) };
}

describe("a running controller", () => {
  it("misses no change when the API server is killed and restarted under it", async () => {
    const ns = await namespace("restarted");
    await using running = await runController({ select: { namespace: ns } });
    await running.host.ready;
    const restarted = cluster.restartApiServer();
    for (let i = 0; i < 60; i++) {
      const ref = { name: `map-${i}`, namespace: ns };
      await insist(() => client.create(ConfigMap, { metadata: ref, data: { step: "made" } }));
      if (i % 2 === 0)
        await insist(() => client.patch(ConfigMap, ref, { data: { step: "changed" } }, { type: "merge" }));
      if (i % 3 === 0) await insist(() => client.delete(ConfigMap, ref));
    }
    await restarted;
    const fresh = versions((await client.list(ConfigMap, { namespace: ns })).items);
    expect(fresh.length).toBeGreaterThanOrEqual(40);
    await eventually(
      () => {
        const reconciled = [...running.seen].map(([key, version]) => `${key}@${version}`).toSorted();
        expect(reconciled.filter((id) => id.includes("/map-"))).toEqual(fresh.filter((id) => id.includes("/map-")));
        return true;
      },
      { describe: "every object was reconciled in its last version" },
    );
    console.log(`${fresh.length} config maps equal after the restart`);
  });

  it("reports by events.k8s.io, and writes pending events before it has stopped", async () => {
    const ns = await namespace("reported");
    const running = await runController({ select: { namespace: ns, fieldSelector: "metadata.name=told" } });
    await running.host.ready;
    await client.create(ConfigMap, { metadata: { name: "told", namespace: ns } });
    await eventually(() => running.seen.size === 1, { describe: "the config map is seen" });
    await running.host.stop();
    const { items } = await client.list(Event, { namespace: ns });
    expect(items).toMatchObject([
      {
        reason: "Seen",
        action: "Seen",
        note: "The config map was seen",
        reportingController: "follower",
        regarding: { kind: "ConfigMap", name: "told" },
      },
    ]);
    expect(items[0]?.eventTime).toMatch(/\.\d{6}Z$/);
    expect(running.log.messages("warn").filter((message) => message.startsWith("event"))).toEqual([]);
    const metrics = new Map(running.controller.metrics().map((family) => [family.name, family.samples]));
    expect(metrics.get("workqueue_adds_total")?.[0]?.value).toBeGreaterThanOrEqual(1);
  });

  it("lists again when what it missed was compacted away, and tells what was deleted meanwhile", async () => {
    const ns = await namespace("compacted");
    const make = (name: string) => client.create(ConfigMap, { metadata: { name, namespace: ns }, data: {} });
    for (const name of ["stays", "changes", "goes"]) await make(name);
    const config = await loadKubeconfig({ path: cluster.kubeconfig });
    await using relay = await startRelay(Number(new URL(config.server).port));
    await using away = createClient({ ...config, server: `https://127.0.0.1:${relay.port}` });
    const log = collectingLogger();
    const cache = createCache({ client: away, log });
    const informer = cache.informer(ConfigMap, { namespace: ns });
    const missed: string[] = [];
    informer.subscribe({ deleted: (last, isMissed) => isMissed && missed.push(last.metadata.name) });
    const stop = new AbortController();
    const running = cache.run(stop.signal);
    await informer.untilSynced();

    relay.cut();
    await client.delete(ConfigMap, { name: "goes", namespace: ns });
    await client.patch(ConfigMap, { name: "changes", namespace: ns }, { data: { now: "yes" } }, { type: "merge" });
    for (let i = 0; i < 20; i++) await make(`new-${i}`);
    await cluster.compactEtcd();
    // Its watch cache remembers what etcd has forgotten; a new one does not.
    await cluster.restartApiServer();
    relay.join();
    const fresh = versions((await client.list(ConfigMap, { namespace: ns })).items);
    await eventually(
      () => {
        expect(versions(informer.list())).toEqual(fresh);
        return true;
      },
      { describe: "the cache is as a fresh list" },
    );
    stop.abort();
    await running;
    expect(log.messages()).toContain("watch too old, listing again");
    expect(missed).toEqual(["goes"]);
    expect(fresh.length).toBeGreaterThanOrEqual(22);
  });

  it("waits for a CRD that is missing at its start, says so once, and goes on when it appears", async () => {
    const ns = await namespace("missing");
    const Widget = defineResource({
      group: "faults.example",
      version: "v1",
      kind: "Widget",
      spec: miniSchema(z.object({ size: z.int() })),
    });
    const log = collectingLogger();
    const sizes: number[] = [];
    const widgets = defineController({
      name: "widgets",
      for: Widget,
      async reconcile({ object }) {
        if (object !== undefined) sizes.push(object.spec.size);
        return done;
      },
    });
    const { kubeconfig } = cluster;
    await using host = await runHost({
      role: "controller",
      extensions: [widgets],
      log,
      clock: systemClock,
      kubeconfig,
    });
    const missing = "resource is not served, waiting for it: is its CRD installed?";
    await eventually(() => log.messages("warn").includes(missing), { describe: "it says so" });
    await client.create(CustomResourceDefinition, Widget.crd() as unknown as CustomResourceDefinition);
    await host.ready;
    await client.create(Widget, { metadata: { name: "w", namespace: ns }, spec: { size: 7 } });
    await eventually(() => sizes.includes(7), { describe: "the widget is reconciled" });
    expect(log.messages().filter((message) => message === missing)).toHaveLength(1);
    expect(log.messages()).toContain("resource is served now");
    const found = await client.resourceOf({ apiVersion: "faults.example/v1", kind: "Widget" });
    expect(found).toMatchObject({ plural: "widgets", namespaced: true });
    const wrong = { metadata: { name: "x", namespace: ns }, spec: { size: "large" } };
    await expect(client.create(found, wrong)).rejects.toMatchObject({
      code: "KX_API_INVALID",
      details: { fields: [{ field: "spec.size", reason: "FieldValueTypeInvalid" }] },
    });
  });

  it("names the verb, the resource and the rule to add when it is forbidden something, and heals", async () => {
    const ns = await namespace("forbidden");
    const kubeconfig = await cluster.addUser("weak");
    await using weak = createClient(await loadKubeconfig({ path: kubeconfig }));
    await expect(
      weak.scale({ ...ConfigMap, plural: "deployments", group: "apps" }, { name: "d", namespace: ns }, 1),
    ).rejects.toThrow('- apiGroups: ["apps"]\n  resources: ["deployments/scale"]\n  verbs: ["patch"]');
    await using running = await runController({ select: { namespace: ns } }, kubeconfig);
    const failure = await eventually(
      () => running.log.lines.find(({ message }) => message === "list or watch failed, trying again"),
      { describe: "it says what is forbidden" },
    );
    const error = failure.fields["err"] as KxError;
    expect(error.code).toBe("KX_API_FORBIDDEN");
    expect(error.message).toMatch(/cannot (list|watch) resource "configmaps"/);
    expect(error.message).toMatch(
      /- apiGroups: \[""\]\n {2}resources: \["configmaps"\]\n {2}verbs: \["(list|watch)"\]/,
    );
    const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch"] }];
    await client.create(ClusterRole, { metadata: { name: "weak" }, rules });
    await client.create(ClusterRoleBinding, {
      metadata: { name: "weak" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "weak" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "weak" }],
    });
    await running.host.ready;
  });
});

describe("a kubeconfig", () => {
  it("whose certificate has expired is named with the time; a new one in its place is used without a restart", async () => {
    const path = join(folder, "short");
    await copyFile(await cluster.addUser("short", [], { validMs: 3000 }), path);
    await using short = createClient(await loadKubeconfig({ path }));
    const expired = await eventually(
      () =>
        short.raw("GET", "/version").then(
          () => undefined,
          (error: unknown) => error as KxError,
        ),
      { describe: "the certificate expires" },
    );
    expect(expired.code).toBe("KX_KUBECONFIG_EXPIRED");
    expect(expired.message).toMatch(
      /short: the client certificate expired at 2.*Z \(put a new certificate into the file/,
    );
    await copyFile(await cluster.addUser("long"), path);
    await eventually(async () => (await short.raw("GET", "/version")) !== undefined, {
      describe: "the new certificate is used",
    });
  });

  it("of another cluster is told by its certificate authority", async () => {
    const good = await readFile(cluster.kubeconfig, "utf8");
    const path = join(folder, "other-ca");
    await writeFile(path, good.replace(/certificate-authority(-data)?:.*/, ""));
    await using stranger = createClient(await loadKubeconfig({ path }));
    await expect(stranger.raw("GET", "/version")).rejects.toThrow(
      /KX_TRANSPORT_CONNECT.*not signed by the certificate-authority in .*other-ca/,
    );
  });

  it.each([
    ["absent", undefined, /KX_KUBECONFIG_NOT_FOUND.*cannot read the kubeconfig .*absent/],
    ["text", "}{", /KX_KUBECONFIG_INVALID.*text: not YAML/],
    ["empty", "", /KX_KUBECONFIG_INVALID.*empty: not a kubeconfig/],
    ["context", "current-context: x\ncontexts: []", /KX_KUBECONFIG_INVALID.*there is no context "x"/],
  ])("that is %s stops no host, which says what is wrong", async (name, content, message) => {
    const path = join(folder, name);
    if (content !== undefined) await writeFile(path, content);
    await using running = await runController({}, path);
    const failure = await eventually(() => running.log.lines.find((line) => line.message === "runnable failed"), {
      describe: "it says what is wrong",
    });
    expect(String(failure.fields["err"])).toMatch(message);
  });
});
