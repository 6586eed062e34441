import { clusterStatus } from "@kx/cluster";
import { KxError } from "@kx/core";
import { clusterDir } from "../cluster-dir.ts";
import type { Terminal } from "../terminal.ts";

/** Prints the path of the administrator's kubeconfig. Resolves to the exit code. */
export async function kubeconfig(options: { readonly dir?: string }, terminal: Terminal): Promise<number> {
  const dir = clusterDir(options.dir, terminal.env);
  const status = await clusterStatus(dir);
  if (status?.phase !== "up") {
    throw new KxError("KX_CLUSTER_NOT_RUNNING", `no cluster is up in ${dir}`, { remedy: "start one with `kx up`" });
  }
  terminal.stdout.write(`${status.kubeconfig}\n`);
  return 0;
}
