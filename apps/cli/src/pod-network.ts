import { chmod, copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "@kx/cluster";
import { extension } from "@kx/cni/bridge";
import type { Client } from "@kx/controllers";
import { stringify } from "yaml";
import { adminClient, applyObjects } from "./apply.ts";
import { accountObjects, namespace, startNodeAgents } from "./extensions.ts";
import type { NodeInstall } from "./node-install.ts";

const account = "kx-node-agent";
const kubeconfigName = "kx-node-agent.kubeconfig";
const yearSeconds = 365 * 24 * 3600;

/** What sets kx's pod network up in a cluster whose nodes show an installation: an agent on each node that runs it. */
export function podNetwork(install: NodeInstall): (cluster: Cluster) => Promise<void> {
  return async (cluster) => {
    const options = { folder: install.nodePath };
    const file = "node-agent.yaml";
    await writeFile(join(install.hostPath, file), hostConfiguration(options));
    await using client = await adminClient(cluster);
    const rendered = extension.create(options).manifests({ namespace, image: "", nodeAccount: account });
    await applyObjects(client, accountObjects(account, rendered));
    await placeKubeconfigs(cluster, client);
    const flags = ["--config", `${install.nodePath}/${file}`, "--kubeconfig", `/var/lib/kubelet/${kubeconfigName}`];
    await startNodeAgents(cluster, install, flags);
  };
}

function hostConfiguration(options: object): string {
  const extensions = [{ package: "@kx/cni/bridge", options }];
  return stringify({ apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions });
}

/** Gives each node credentials of its own, where it keeps them over a reboot. */
async function placeKubeconfigs(cluster: Cluster, client: Client): Promise<void> {
  for (const { name, paths } of cluster.nodes) {
    const token = await tokenOf(client, name);
    const kubeconfig = await cluster.addUser(`${account}-${name}`, [], { forNodes: true, token });
    const path = join(paths.kubelet, kubeconfigName);
    await copyFile(kubeconfig, path);
    await chmod(path, 0o600);
  }
}

/** A token of the agents' account that names a node, as that of a pod there would. */
async function tokenOf(client: Client, node: string): Promise<string> {
  const boundObjectRef = { apiVersion: "v1", kind: "Node", name: node };
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" };
  // It cannot outlive its cluster, so that one is enough.
  const spec = { boundObjectRef, expirationSeconds: yearSeconds };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const { status } = (await client.raw("POST", path, { ...request, spec })) as { readonly status: { token: string } };
  return status.token;
}
