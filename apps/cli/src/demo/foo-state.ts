import type { Client } from "@kx/controllers";
import { isNotFound } from "@kx/controllers";
import { Deployment } from "@kx/controllers/api/apps-v1";
import { Pod } from "@kx/controllers/api/core-v1";
import { Foo } from "@kx/controllers/foo";
import { age, table } from "../table.ts";

/** A Foo and what has come of it. */
export interface FooState {
  readonly foo: Foo;
  readonly deployment?: Deployment;
  /** Those of the Deployment, without those that are being deleted. */
  readonly pods: readonly Pod[];
}

/** Reads it from the API server. */
export async function readFoo(client: Client, ref: { name: string; namespace: string }): Promise<FooState> {
  const foo = await client.get(Foo, ref);
  const name = foo.spec.deploymentName ?? "";
  const deployment = await client.get(Deployment, { name, namespace: ref.namespace }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const selection = { namespace: ref.namespace, labelSelector: `controller=${ref.name}` };
  const { items } = await client.list(Pod, selection);
  const pods = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return { foo, ...(deployment === undefined ? {} : { deployment }), pods };
}

/** What is still missing until the Foo has all it asks for; undefined if nothing is. Pure. */
export function missingOf({ foo, deployment, pods }: FooState): string | undefined {
  const wanted = foo.spec.replicas ?? 1;
  if (deployment === undefined) return "the controller has not made the Deployment";
  if (deployment.spec?.replicas !== wanted) return `the Deployment is not yet asked for ${wanted} pods`;
  if (pods.length !== wanted) return `there are ${pods.length} pods, not ${wanted}`;
  const waiting = pods.find((pod) => podStatus(pod) !== "Running" || pod.spec?.nodeName === undefined);
  if (waiting !== undefined) return `the pod ${waiting.metadata?.name} is ${podStatus(waiting)}`;
  const available = foo.status?.availableReplicas ?? 0;
  if (available !== wanted) return `the Foo's status tells of ${available} available replicas, not ${wanted}`;
  return undefined;
}

/** The objects as a tree, kubectl-style. Pure. @param now - milliseconds since 1970 */
export function fooTable({ foo, deployment, pods }: FooState, now: number): string {
  const since = (time: string | undefined): string => (time === undefined ? "" : age(now - Date.parse(time)));
  const wanted = String(foo.spec.replicas ?? 1);
  const rows = [
    [
      `foo/${foo.metadata.name}`,
      `${foo.status?.availableReplicas ?? 0}/${wanted}`,
      "",
      "",
      "",
      since(foo.metadata.creationTimestamp),
    ],
  ];
  if (deployment !== undefined) {
    const ready = `${deployment.status?.readyReplicas ?? 0}/${deployment.spec?.replicas ?? 1}`;
    const { name, creationTimestamp } = deployment.metadata ?? {};
    rows.push([`└ deployment/${name}`, ready, "", "", "", since(creationTimestamp)]);
  }
  for (const pod of pods) {
    const { name, creationTimestamp } = pod.metadata ?? {};
    const images = pod.spec?.containers.map(({ image }) => image).join(",") ?? "";
    const ready = pod.status?.containerStatuses?.filter((container) => container.ready).length ?? 0;
    const of = pod.spec?.containers.length ?? 0;
    const node = pod.spec?.nodeName ?? "<none>";
    rows.push([`  └ pod/${name}`, `${ready}/${of}`, podStatus(pod), node, images, since(creationTimestamp)]);
  }
  return table(["object", "ready", "status", "node", "image", "age"], rows);
}

/** `Running` only if all containers are ready; else why not, as far as the pod tells. */
function podStatus({ status }: Pod): string {
  const containers = status?.containerStatuses ?? [];
  const waiting = containers.find(({ state }) => state?.waiting?.reason !== undefined)?.state?.waiting?.reason;
  if (waiting !== undefined) return waiting;
  if (status?.phase === "Running" && !containers.every(({ ready }) => ready)) return "NotReady";
  return status?.phase ?? "Unknown";
}
