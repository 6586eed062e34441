import { chmod, copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "@kx/cluster";
import { extension } from "@kx/cni/bridge";
import { stringify } from "yaml";
import { adminClient, applyObjects } from "./apply.ts";
import { accountObjects, namespace, startNodeAgents } from "./extensions.ts";
import type { NodeInstall } from "./node-install.ts";

const account = "kx-node-agent";
const kubeconfigName = "node-agent.kubeconfig";
const yearMs = 365 * 24 * 3600 * 1000;

/** What sets kx's pod network up in a cluster whose nodes show an installation: an agent on each node that runs it. */
export function podNetwork(install: NodeInstall): (cluster: Cluster) => Promise<void> {
  return async (cluster) => {
    const options = { folder: install.nodePath };
    const file = "node-agent.yaml";
    await writeFile(join(install.hostPath, file), hostConfiguration(options));
    await using client = await adminClient(cluster);
    const rendered = extension.create(options).manifests({ namespace, image: "" });
    await applyObjects(client, accountObjects(account, rendered));
    await placeKubeconfig(cluster, install);
    const flags = ["--config", `${install.nodePath}/${file}`, "--kubeconfig", `${install.nodePath}/${kubeconfigName}`];
    await startNodeAgents(cluster, install, flags);
  };
}

function hostConfiguration(options: object): string {
  const extensions = [{ package: "@kx/cni/bridge", options }];
  return stringify({ apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions });
}

async function placeKubeconfig(cluster: Cluster, { hostPath }: NodeInstall): Promise<void> {
  // It cannot outlive its cluster, so that one certificate is enough.
  const user = { validMs: yearMs, forNodes: true };
  const kubeconfig = await cluster.addUser(`system:serviceaccount:${namespace}:${account}`, [], user);
  const path = join(hostPath, kubeconfigName);
  await copyFile(kubeconfig, path);
  await chmod(path, 0o600);
}
