import { fileURLToPath } from "node:url";
import type { Cluster, ControlPlane } from "@kx/cluster";
import { foo } from "@kx/controllers/foo";
import type { Extension, KubeObject } from "@kx/core";
import { adminClient, applyObjects } from "./apply.ts";
import type { NodeInstall } from "./node-install.ts";

const namespace = "kx-system";
const managerAccount = "kx-controller-manager";

/** The extensions that the controller manager runs when no configuration names any. */
const extensions: readonly Extension[] = [foo()];

/** Installs the extensions' objects and keeps one controller manager running. */
export async function startControllerManager(cluster: ControlPlane): Promise<void> {
  const rendered = extensions.flatMap((extension) => extension.manifests({ namespace, image: "" }));
  await using client = await adminClient(cluster);
  await applyObjects(client, managerObjects(rendered));
  // It cannot outlive its cluster, so that one certificate is enough.
  const kubeconfig = await cluster.addUser(`system:serviceaccount:${namespace}:${managerAccount}`, [], {
    validMs: 365 * 24 * 3600 * 1000,
  });
  const main = fileURLToPath(new URL("./controller-manager.js", import.meta.url));
  await cluster.supervise({
    name: "controller-manager",
    command: process.execPath,
    // Clusters that run side by side share this machine's ports.
    args: [main, "--kubeconfig", kubeconfig, "--health-port", "0"],
  });
}

/** Keeps one node agent running on each node. */
export async function startNodeAgents(cluster: Cluster, { nodePath }: NodeInstall): Promise<void> {
  for (const node of cluster.nodes) {
    await node.supervise({
      name: "node-agent",
      command: `${nodePath}/bin/node`,
      args: [`${nodePath}/node-agent.js`, "--node-name", node.name],
    });
  }
}

/** Adds to the extensions' objects the account of the controller manager and binds each of their ClusterRoles to it. */
export function managerObjects(rendered: readonly KubeObject[]): readonly KubeObject[] {
  const bindings = rendered
    .filter((object) => object.kind === "ClusterRole")
    .map(
      ({ metadata: { name } }): KubeObject => ({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: name ?? "" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
        subjects: [{ kind: "ServiceAccount", namespace, name: managerAccount }],
      }),
    );
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name: managerAccount } },
    ...rendered,
    ...bindings,
  ];
}
