import { setTimeout as delay } from "node:timers/promises";
import { type Client, createClient, isNotFound, type Resource } from "@kx/controllers";
import type { APIResourceList } from "@kx/controllers/api/meta-v1";
import { loadKubeconfig } from "@kx/controllers/kubeconfig";
import { type KubeObject, KxError } from "@kx/core";

/** A client as the cluster's administrator; dispose it. */
export async function adminClient(cluster: { readonly kubeconfig: string }): Promise<Client> {
  return createClient(await loadKubeconfig({ path: cluster.kubeconfig }), { fieldManager: "kx" });
}

const lateMs = 10_000;

/** Applies objects server-side, one after the other: some ten times faster than a kubectl, which reads all schemas first. */
export async function applyObjects(
  client: Client,
  objects: readonly KubeObject[],
  signal?: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + lateMs;
  for (const object of objects) {
    const { name, namespace } = object.metadata;
    if (name === undefined) throw new KxError("KX_CLI_APPLY", `a ${object.kind} has no name`);
    for (;;) {
      try {
        const resource = await resourceOf(client, object, signal);
        await client.patch(resource, { name, namespace }, object, { force: true, signal });
        break;
      } catch (error) {
        // A CRD that is Established may not be served yet.
        if (!isNotFound(error) || Date.now() > deadline) throw error;
        await delay(50, undefined, { signal });
      }
    }
  }
}

async function resourceOf(client: Client, { apiVersion, kind }: KubeObject, signal?: AbortSignal): Promise<Resource> {
  const [group, version] = apiVersion.includes("/") ? (apiVersion.split("/") as [string, string]) : ["", apiVersion];
  const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const { resources } = (await client.raw("GET", path, undefined, { signal })) as APIResourceList;
  const found = resources.find((resource) => resource.kind === kind && !resource.name.includes("/"));
  if (found === undefined) throw new KxError("KX_CLI_APPLY", `the API server has no ${kind} in ${apiVersion}`);
  return { group, version, kind, plural: found.name, namespaced: found.namespaced };
}
