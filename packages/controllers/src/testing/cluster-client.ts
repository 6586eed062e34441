import { type Client, createClient } from "../client/client.ts";
import { loadKubeconfig } from "../kubeconfig/load.ts";

/** A client for a cluster; dispose it with the test. */
export async function clusterClient(cluster: { readonly kubeconfig: string }): Promise<Client> {
  return createClient(await loadKubeconfig({ path: cluster.kubeconfig }), { fieldManager: "kx-test" });
}
