import type { ClusterStatus } from "@kx/cluster";
import { table } from "./table.ts";

/** A heading and what a folder's cluster is, as a table of one row. */
export function describeStatus(status: ClusterStatus, heading: string): string {
  const { kind, nodes = [], kubernetesVersion = "", server = "", kubeconfig } = status;
  const row = [kind, nodes.join(",") || "<none>", kubernetesVersion, server, kubeconfig];
  return `${heading}\n\n${table(["kind", "nodes", "kubernetes", "server", "kubeconfig"], [row])}`;
}
