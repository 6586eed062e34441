import { createServer } from "node:https";
import { Deployment } from "@kx/controllers/api/apps-v1";
import { ConfigMap } from "@kx/controllers/api/core-v1";
import { eventually } from "@kx/controllers/testing";
import { KxError } from "@kx/core";
import { expect } from "vitest";
import type { CaseBody } from "./foo-cases.ts";
import type { FooCase } from "./foo-lab.ts";

/** Cases that hold up or restart the API server; the keys are the names of the tests. */
export const fooFaultCases: Readonly<Record<string, CaseBody>> = {
  "works on two Foos at a time": async (c) => {
    await using gate = await holdCreations(c, 2);
    for (let i = 0; i < 8; i++) await c.createFoo(`foo-${i}`, { deploymentName: `foo-${i}`, replicas: 1 });
    await c.until("eight Deployments", async () => (await c.deploymentNames()).length === 8);
    expect(gate.most()).toBe(2);
    return { most: gate.most() };
  },

  "gives 50 Foos their Deployments although the API server is killed amid them": async (c) => {
    const names = Array.from({ length: 50 }, (_, i) => `burst-${String(i).padStart(2, "0")}`);
    const create = (name: string) =>
      c.until(`Foo ${name} created`, async () => {
        try {
          return await c.createFoo(name, { deploymentName: name, replicas: 1 });
        } catch (error) {
          if (KxError.is(error) && error.code === "KX_API_ALREADY_EXISTS") return await c.foo(name);
          throw error;
        }
      });
    for (const name of names.slice(0, 25)) await create(name);
    await Promise.all([c.cluster.restartApiServer(), ...names.slice(25).map(create)]);
    const { items } = await c.until(
      "50 Deployments with a Foo each",
      async () => {
        const found = await c.client.list(Deployment, { namespace: c.namespace });
        return found.items.length >= names.length && found;
      },
      150_000,
    );
    const owners = items.map(({ metadata }) => `${metadata.name} of ${metadata.ownerReferences?.[0]?.name}`).toSorted();
    expect(owners).toEqual(names.map((name) => `${name} of ${name}`));
    await c.until(
      "50 statuses",
      async () => {
        const statuses = await Promise.all(names.map(async (name) => (await c.foo(name)).status));
        return statuses.every((status) => status !== undefined);
      },
      150_000,
    );
    return owners;
  },

  "goes on when its watches are too old after a compaction and a restart": async (c) => {
    await c.createFoo("old", { deploymentName: "old", replicas: 1 });
    // Not "settled": the deployment controller takes its time after the restart in the case before.
    const made = await c.until("the Deployment", () => c.deployment("old"));
    for (const name of ["a", "b", "c"]) {
      await c.client.create(ConfigMap, { metadata: { name, namespace: c.namespace } });
    }
    await c.cluster.compactEtcd();
    await c.cluster.restartApiServer();
    await c.until("the Foo changed", () => c.patchFoo("old", { replicas: 3 }));
    const replicas = async () => (await c.deployment("old"))?.spec.replicas;
    await c.until("three replicas", async () => (await replicas()) === 3);
    // Else the case would show nothing. The original says so only when it is asked to log more.
    if (c.peer.name === "kx") expect(c.running().lines().join("\n")).toContain("watch too old");
    await c.client.delete(Deployment, made.metadata);
    const again = await c.until("another Deployment", async () => {
      const found = await c.deployment("old");
      return found?.metadata.uid !== made.metadata.uid && found;
    });
    expect(again.spec.replicas).toBe(3);
    return { replicas: 3 };
  },
};

/** Lets the creation of a Deployment through only when so many are under way at once, or no more come. */
async function holdCreations(c: FooCase, atOnce: number): Promise<AsyncDisposable & { most(): number }> {
  const { host, port, cert, key, url, caBundle } = await c.cluster.webhook();
  let underWay = 0;
  let most = 0;
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as { request: { uid: string } };
      underWay += 1;
      most = Math.max(most, underWay);
      const full = eventually(() => most >= atOnce, { describe: "others", timeoutMs: 3000 });
      // Time for one more to come, if there were more workers than that.
      const others = full.then(async () => {
        for (let i = 0; i < 20; i++) await c.deploymentNames();
      });
      void others
        .catch(() => undefined)
        .then(() => {
          underWay -= 1;
          response.setHeader("content-type", "application/json");
          response.end(
            JSON.stringify({
              apiVersion: "admission.k8s.io/v1",
              kind: "AdmissionReview",
              response: { uid: review.request.uid, allowed: true },
            }),
          );
        });
    });
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const name = `hold-${c.namespace}`;
  const configuration = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name },
    webhooks: [
      {
        name: "hold.test.kx.dev",
        clientConfig: { url: `${url}/hold`, caBundle },
        rules: [{ apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["deployments"] }],
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": c.namespace } },
        failurePolicy: "Ignore",
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
      },
    ],
  };
  const path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
  await c.client.raw("POST", path, configuration);
  // The API server calls a new webhook only after a moment.
  await eventually(
    async () => {
      const probe = { metadata: { name: "probe", namespace: c.namespace }, spec: probeSpec };
      await c.client.create(Deployment, probe, { dryRun: true });
      return most > 0;
    },
    { describe: "the webhook is called" },
  );
  most = 0;
  return {
    most: () => most,
    async [Symbol.asyncDispose]() {
      await c.client.raw("DELETE", `${path}/${name}`);
      server.close();
      server.closeAllConnections();
    },
  };
}

const probeSpec = {
  replicas: 0,
  selector: { matchLabels: { app: "probe" } },
  template: { metadata: { labels: { app: "probe" } }, spec: { containers: [{ name: "c", image: "other" }] } },
};
