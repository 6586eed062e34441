import { fileURLToPath } from "node:url";
import type { Cluster, ControlPlane } from "@kx/cluster";
import type { KubeObject } from "@kx/core";
import { adminClient, applyObjects } from "./apply.ts";
import type { ConfiguredExtensions } from "./configured.ts";
import { agentSocket, managerSocket } from "./hosts.ts";
import type { NodeInstall } from "./node-install.ts";

/** Where the controller manager's account and other objects of kx are. */
export const namespace = "kx-system";
/** The name of the controller manager among the cluster's processes. */
export const managerName = "controller-manager";
/** The program that runs as controller manager. */
export const managerMain = fileURLToPath(new URL("./controller-manager.js", import.meta.url));

const managerAccount = "kx-controller-manager";
/** Megabytes; by default it grows to 16. After 500 Foos the controller manager held 103 MB with it and 137 MB without, for 5 % more CPU time. */
const managerFlags = ["--max-semi-space-size=4"];
/**
 * A node agent's heap is small: one thread can collect it, and before it has grown to four times what is alive, as V8 lets it
 * by itself. After 10,000 pods had come and gone, 111 MiB were taken rather than 130.
 */
const agentFlags = ["--max-semi-space-size=2", "--v8-pool-size=1", "--heap-growing-percent=40"];

/** Installs the extensions' objects and keeps one controller manager running; without `extensions` its built-in ones. */
export async function startControllerManager(
  cluster: ControlPlane,
  rendered: readonly KubeObject[],
  extensions?: ConfiguredExtensions,
): Promise<void> {
  await installObjects(cluster, rendered);
  // It cannot outlive its cluster, so that one certificate is enough.
  const kubeconfig = await cluster.addUser(`system:serviceaccount:${namespace}:${managerAccount}`, [], {
    validMs: 365 * 24 * 3600 * 1000,
  });
  const configured =
    extensions === undefined ? [] : ["--config", extensions.file, "--extensions-dir", extensions.extensionsDir];
  // Clusters that run side by side share this machine's ports; it is the socket by which it is found.
  const health = ["--health-port", "0", "--health-socket", managerSocket(cluster.dir)];
  await cluster.supervise({
    name: managerName,
    command: process.execPath,
    args: [...managerFlags, managerMain, "--kubeconfig", kubeconfig, ...health, ...configured],
  });
}

/** Applies the extensions' objects, and the account and rights of the controller manager. */
export async function installObjects(
  cluster: { readonly kubeconfig: string },
  rendered: readonly KubeObject[],
): Promise<void> {
  await using client = await adminClient(cluster);
  await applyObjects(client, managerObjects(rendered));
}

/** Keeps one node agent running on each node, with more flags if there are. */
export async function startNodeAgents(
  cluster: Cluster,
  { nodePath }: NodeInstall,
  flags: readonly string[] = [],
): Promise<void> {
  // The node's usual port is for an agent that runs there in a pod; this one is found by its socket.
  const health = ["--health-port", "0", "--health-socket", agentSocket];
  const own = [`${nodePath}/node-agent.js`, ...health, ...flags];
  for (const node of cluster.nodes) {
    await node.supervise({
      name: "node-agent",
      command: `${nodePath}/bin/node`,
      args: [...agentFlags, ...own, "--node-name", node.name],
    });
  }
}

/** Adds to the extensions' objects the account of the controller manager, and binds to it those of their roles that are not for nodes. */
export function managerObjects(rendered: readonly KubeObject[]): readonly KubeObject[] {
  return accountObjects(managerAccount, rendered, (role) => !isForNodes(role));
}

/** Adds to objects an account of kx's namespace, and binds to it their roles, all or those that are meant. */
export function accountObjects(
  account: string,
  rendered: readonly KubeObject[],
  isMeant: (role: KubeObject) => boolean = () => true,
): readonly KubeObject[] {
  const roles = rendered.filter(
    (object) => (object.kind === "ClusterRole" || object.kind === "Role") && isMeant(object),
  );
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name: account } },
    ...rendered,
    ...roles.map((role) => bindingOf(account, role)),
  ];
}

function isForNodes({ metadata }: KubeObject): boolean {
  const labels = metadata["labels"] as Readonly<Record<string, string>> | undefined;
  return labels?.["kx.dev/account"] === "node";
}

function bindingOf(account: string, { kind, metadata }: KubeObject): KubeObject {
  const { name = "", namespace: within } = metadata;
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: `${kind}Binding`,
    metadata: { name, ...(within === undefined ? {} : { namespace: within }) },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
    subjects: [{ kind: "ServiceAccount", namespace, name: account }],
  };
}
