import { Deployment } from "@kx/controllers/api/apps-v1";
import { Foo } from "@kx/controllers/foo";
import { KxError } from "@kx/core";
import { expect } from "vitest";
import { type Json, normalise } from "./compare.ts";
import { deploymentView, eventView, type FooCase, managedBy } from "./foo-lab.ts";
import { ignored } from "./foo-peers.ts";

/** Runs a case and returns what is to be the same whoever the controller is. */
export type CaseBody = (c: FooCase) => Promise<Json>;

/** What a user sees of Foos that have a status subresource; the keys are the names of the tests. */
export const fooCases: Readonly<Record<string, CaseBody>> = {
  "makes the example's Deployment, writes the status and reports it": async (c) => {
    const example = await c.createFoo("example-foo", { deploymentName: "example-foo", replicas: 1 });
    const deployment = await c.settled("example-foo");
    const event = await c.synced("example-foo");
    expect(deployment.metadata.ownerReferences).toEqual([
      {
        apiVersion: "samplecontroller.k8s.io/v1alpha1",
        kind: "Foo",
        name: "example-foo",
        uid: example.metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    expect(deployment.spec.replicas).toBe(1);
    expect(deployment.spec.selector.matchLabels).toEqual({ app: "nginx", controller: "example-foo" });
    expect(deployment.spec.template.metadata?.labels).toEqual({ app: "nginx", controller: "example-foo" });
    expect(deployment.spec.template.spec?.containers).toMatchObject([{ name: "nginx", image: "nginx:latest" }]);
    expect(managedBy(deployment, "sample-controller")).toMatchObject([{ operation: "Update" }]);
    expect(event).toMatchObject({
      type: "Normal",
      message: "Foo synced successfully",
      source: { component: "sample-controller" },
      involvedObject: { kind: "Foo", uid: example.metadata.uid },
    });
    const foo = await c.foo("example-foo");
    expect(foo.status).toEqual({ availableReplicas: 0 });
    expect(managedBy(foo, "sample-controller")).toMatchObject([{ operation: "Update", subresource: "status" }]);
    return { foo: normalise(foo), deployment: deploymentView(deployment), event: eventView(event) };
  },

  "is never shown replicas of 0 or 11, which the API server refuses": async (c) => {
    const refuse = async (replicas: number): Promise<Json> => {
      const error = await c.createFoo("refused", { deploymentName: "refused", replicas }).catch((e: unknown) => e);
      if (!KxError.is(error)) throw new Error(`replicas: ${replicas} was accepted`);
      expect(error.details).toMatchObject({ httpStatus: 422, status: { reason: "Invalid" } });
      return error.message;
    };
    const messages = [await refuse(0), await refuse(11)];
    await c.createFoo("accepted", { deploymentName: "accepted", replicas: 10 });
    await c.synced("accepted");
    expect(await c.deploymentNames()).toEqual(["accepted"]);
    return messages;
  },

  "leaves replicas that the Foo does not name to the API server's default and to others": async (c) => {
    await c.createFoo("any", { deploymentName: "any" });
    const made = await c.settled("any");
    expect(made.spec.replicas).toBe(1);
    await c.client.patch(Deployment, made.metadata, { spec: { replicas: 3 } }, { type: "merge" });
    await c.settled("any", ({ metadata }) => metadata.generation === 2);
    // A Foo that is dealt with later shows that this one has been.
    await c.createFoo("later", { deploymentName: "later", replicas: 1 });
    await c.synced("later");
    const kept = await c.settled("any");
    expect(kept.spec.replicas).toBe(3);
    return { made: deploymentView(made), kept: kept.spec.replicas ?? null };
  },

  "scales the Deployment from 1 to 4": async (c) => {
    await c.createFoo("scaled", { deploymentName: "scaled", replicas: 1 });
    const before = await c.settled("scaled");
    await c.patchFoo("scaled", { replicas: 4 });
    const after = await c.settled("scaled", ({ spec }) => spec.replicas === 4);
    expect(after.metadata.uid).toBe(before.metadata.uid);
    return deploymentView(after);
  },

  "makes a deleted Deployment again": async (c) => {
    await c.createFoo("again", { deploymentName: "again", replicas: 2 });
    const first = await c.settled("again");
    await c.client.delete(Deployment, first.metadata);
    const second = await c.settled("again", ({ metadata }) => metadata.uid !== first.metadata.uid);
    return deploymentView(second);
  },

  "puts replicas back that were changed by hand, and all else with them": async (c) => {
    await c.createFoo("edited", { deploymentName: "edited", replicas: 1 });
    const made = await c.settled("edited");
    const byHand = { metadata: { annotations: { "by-hand": "yes" } }, spec: { replicas: 5 } };
    await c.client.patch(Deployment, made.metadata, byHand, { type: "merge" });
    const restored = await c.settled("edited", ({ metadata }) => metadata.generation === 3);
    expect(restored.spec.replicas).toBe(1);
    expect(restored.metadata.annotations).not.toHaveProperty("by-hand");
    return deploymentView(restored);
  },

  "does not mind a change by hand that leaves the replicas alone": async (c) => {
    await c.createFoo("image", { deploymentName: "image", replicas: 1 });
    const { metadata } = await c.settled("image");
    const patch = [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: "nginx:other" }];
    await c.client.patch(Deployment, metadata, patch, { type: "json" });
    await c.settled("image", (deployment) => deployment.metadata.generation === 2);
    await c.createFoo("later", { deploymentName: "later", replicas: 1 });
    await c.synced("later");
    return deploymentView(await c.settled("image"));
  },

  "leaves the old Deployment behind when deploymentName changes": async (c) => {
    await c.createFoo("renamed", { deploymentName: "old", replicas: 1 });
    await c.settled("old");
    await c.patchFoo("renamed", { deploymentName: "new" });
    const made = await c.settled("new");
    expect(await c.deploymentNames()).toEqual(["new", "old"]);
    return { old: deploymentView(await c.settled("old")), new: deploymentView(made) };
  },

  "warns of a Deployment that is not its own, tries again and again, and heals": async (c) => {
    const labels = { app: "other" };
    await c.client.create(Deployment, {
      metadata: { name: "taken", namespace: c.namespace },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "other" }] } },
      },
    });
    const foreign = await c.settled("taken");
    await c.createFoo("late", { deploymentName: "taken", replicas: 1 });
    const warning = await c.until("eight warnings", async () =>
      (await c.events("late", "ErrResourceExists")).find(({ count = 0 }) => count >= 8),
    );
    expect(warning).toMatchObject({
      type: "Warning",
      message: 'Resource "taken" already exists and is not managed by Foo',
      source: { component: "sample-controller" },
    });
    expect((await c.foo("late")).status).toBeUndefined();
    const untouched = await c.settled("taken");
    expect(untouched.metadata.resourceVersion).toBe(foreign.metadata.resourceVersion);
    await c.client.delete(Deployment, { name: "taken", namespace: c.namespace });
    const own = await c.settled("taken", ({ metadata }) => metadata.uid !== foreign.metadata.uid);
    const synced = await c.synced("late");
    return {
      warning: eventView(warning),
      warnings: (await c.events("late", "ErrResourceExists")).length,
      own: deploymentView(own),
      synced: eventView(synced),
    };
  },

  "lets the Deployment go with its Foo": async (c) => {
    await c.createFoo("gone", { deploymentName: "gone", replicas: 1 });
    await c.settled("gone");
    await c.synced("gone");
    await c.client.delete(Foo, { name: "gone", namespace: c.namespace });
    await c.until("no Deployment", async () => (await c.deployment("gone")) === undefined);
    await c.createFoo("later", { deploymentName: "later", replicas: 1 });
    await c.synced("later");
    expect(await c.deploymentNames()).toEqual(["later"]);
    return await c.deploymentNames();
  },

  "does nothing for a Foo without a deploymentName, until the next resync": async (c) => {
    // A fresh controller: its first resync is 30 s away.
    await c.restart();
    const key = `${c.namespace}/nameless`;
    await c.createFoo("nameless", { deploymentName: "" });
    await c.until("the Foo is ignored", async () => ignored(c.running(), key) > 0);
    await c.createFoo("other", { deploymentName: "other", replicas: 1 });
    await c.synced("other");
    expect(ignored(c.running(), key)).toBe(1);
    await c.until("the Foo is ignored again", async () => ignored(c.running(), key) > 1);
    const { status } = await c.foo("nameless");
    const events = (await c.events("nameless", "Synced")).length;
    expect({ status, events, deployments: await c.deploymentNames() }).toEqual({ events: 0, deployments: ["other"] });
    return { events, hasStatus: status !== undefined };
  },

  "deals with a Foo when a Deployment changes whose owner is of kind Foo, of whatever group": async (c) => {
    await c.restart();
    const key = `${c.namespace}/nameless`;
    await c.createFoo("nameless", { deploymentName: "" });
    await c.until("the Foo is ignored", async () => ignored(c.running(), key) > 0);
    const own = async (name: string, kind: string): Promise<void> => {
      const uid = "00000000-0000-4000-8000-000000000000";
      const owner = { apiVersion: "elsewhere.example/v1", kind, name: "nameless", uid, controller: true };
      await c.client.create(Deployment, {
        metadata: { name, namespace: c.namespace, ownerReferences: [owner] },
        spec: {
          replicas: 0,
          selector: { matchLabels: { app: name } },
          template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "other" }] } },
        },
      });
      await c.settled(name);
    };
    await own("bar", "Bar");
    await c.createFoo("other", { deploymentName: "other", replicas: 1 });
    await c.synced("other");
    const afterBar = ignored(c.running(), key);
    await own("foo", "Foo");
    await c.until("the Foo is dealt with again", async () => ignored(c.running(), key) > afterBar);
    expect(afterBar).toBe(1);
    return { afterBar };
  },

  "changes nothing that is settled when it starts anew": async (c) => {
    await c.createFoo("settled", { deploymentName: "settled", replicas: 1 });
    await c.synced("settled");
    const versions = async (): Promise<string> => {
      const [foo, deployment] = [await c.foo("settled"), await c.settled("settled")];
      return `${foo.metadata.resourceVersion} ${deployment.metadata.resourceVersion}`;
    };
    // The deployment controller writes its status more than once: wait until two looks, with a restart between, agree.
    await c.settled("settled", ({ status }) => status?.unavailableReplicas === 1 && status.conditions?.length === 2);
    const before = await versions();
    await c.restart();
    await c.until("a second event", async () => (await c.events("settled", "Synced")).length > 1);
    expect(await versions()).toBe(before);
    return { events: (await c.events("settled", "Synced")).length };
  },

  "holds events about a Foo back after 25 in a row": async (c) => {
    const key = new RegExp(`(foo synced|Successfully synced).*${c.namespace}/busy`);
    const syncs = () =>
      c
        .running()
        .lines()
        .filter((line) => key.test(line)).length;
    await c.createFoo("busy", { deploymentName: "busy", replicas: 1 });
    for (let round = 1; syncs() < 35; round++) {
      const before = syncs();
      const labels = { round: String(round) };
      await c.client.patch(Foo, { name: "busy", namespace: c.namespace }, { metadata: { labels } }, { type: "merge" });
      await c.until("another sync", async () => syncs() > before);
    }
    const counts = async () => (await c.events("busy", "Synced")).map((event) => event.count ?? null);
    await c.until("25 events", async () => (await counts()).some((count) => (count ?? 0) >= 25));
    // Events of another Foo come after those that were not held back.
    await c.createFoo("later", { deploymentName: "later", replicas: 1 });
    await c.synced("later");
    expect(await counts()).toEqual([25]);
    return await counts();
  },
};
