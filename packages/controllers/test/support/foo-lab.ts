import type { ControlPlane } from "@kx/cluster";
import { type Client, isNotFound, type Stored } from "@kx/controllers";
import { Deployment } from "@kx/controllers/api/apps-v1";
import { Event, Namespace } from "@kx/controllers/api/core-v1";
import { Foo, type FooSpec } from "@kx/controllers/foo";
import { eventually } from "@kx/controllers/testing";
import { type Json, normalise } from "./compare.ts";
import type { FooPeer, RunningPeer } from "./foo-peers.ts";

/** Where a case is run: a cluster with the Foo CRD, and a controller at work in it. */
export interface FooLab {
  readonly cluster: ControlPlane;
  readonly client: Client;
  readonly peer: FooPeer;
  /** The controller that is running now. */
  running(): RunningPeer;
  /** Stops the controller and starts it anew. */
  restart(): Promise<void>;
}

/** The shortcuts of a case, in its namespace. */
export interface FooCase extends FooLab {
  readonly namespace: string;
  createFoo(name: string, spec: FooSpec): Promise<Stored<Foo>>;
  patchFoo(name: string, spec: object): Promise<Stored<Foo>>;
  foo(name: string): Promise<Stored<Foo>>;
  /** Undefined if there is none. */
  deployment(name: string): Promise<Stored<Deployment> | undefined>;
  /** Waits for a Deployment that the deployment controller has dealt with, and that passes the check. */
  settled(name: string, check?: (deployment: Stored<Deployment>) => boolean): Promise<Stored<Deployment>>;
  deploymentNames(): Promise<string[]>;
  /** The events about a Foo with this reason. */
  events(fooName: string, reason: string): Promise<Stored<Event>[]>;
  /** Waits until a Foo has been reported as synced. */
  synced(fooName: string): Promise<Stored<Event>>;
  /** `timeoutMs` defaults to a minute. */
  until<T>(what: string, look: () => Promise<T | undefined | false>, timeoutMs?: number): Promise<T>;
}

/** Makes a namespace for a case. */
export async function openCase(lab: FooLab, namespace: string): Promise<FooCase> {
  const { client } = lab;
  await client.create(Namespace, { metadata: { name: namespace } });
  return caseIn(lab, namespace);
}

/** The shortcuts for a namespace that is there. */
export function caseIn(lab: FooLab, namespace: string): FooCase {
  const { client } = lab;
  const until = <T>(what: string, look: () => Promise<T | undefined | false>, timeoutMs = 60_000) =>
    eventually(look, { describe: what, timeoutMs }).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${lab.running().lines().slice(-20).join("\n")}`, { cause: error });
    });
  const events = async (fooName: string, reason: string) => {
    const { items } = await client.list(Event, { namespace, fieldSelector: `involvedObject.name=${fooName}` });
    return items.filter((event) => event.reason === reason && event.involvedObject.kind === "Foo");
  };
  const deployment = (name: string) =>
    client.get(Deployment, { name, namespace }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  return {
    ...lab,
    namespace,
    createFoo: (name, spec) => client.create(Foo, { metadata: { name, namespace }, spec }),
    patchFoo: (name, spec) => client.patch(Foo, { name, namespace }, { spec }, { type: "merge" }),
    foo: (name) => client.get(Foo, { name, namespace }),
    deployment,
    settled: (name, check = () => true) =>
      until(`Deployment ${name} settled`, async () => {
        const found = await deployment(name);
        if (found === undefined || !check(found)) return undefined;
        return found.status?.observedGeneration === found.metadata.generation ? found : undefined;
      }),
    deploymentNames: async () =>
      (await client.list(Deployment, { namespace })).items.map((item) => item.metadata.name).toSorted(),
    events,
    synced: (name) => until(`Foo ${name} synced`, async () => (await events(name, "Synced"))[0]),
    until,
  };
}

/** The managed fields of one manager; those of others are not the controller's doing. */
export function managedBy(
  object: { metadata: { managedFields?: { manager?: string }[] } },
  manager: string,
): unknown[] {
  return object.metadata.managedFields?.filter((entry) => entry.manager === manager) ?? [];
}

/** What the controller is answerable for in a Deployment. */
export function deploymentView(deployment: Stored<Deployment>): Json {
  const managedFields = managedBy(deployment, "sample-controller");
  return normalise({ ...deployment, metadata: { ...deployment.metadata, managedFields }, status: undefined });
}

/** An event without its count, which depends on how many changes of a Deployment's status were seen one by one. */
export function eventView(event: Stored<Event>): Json {
  return normalise({ ...event, count: undefined });
}
