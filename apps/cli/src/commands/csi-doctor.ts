import { clusterStatus } from "@kx/cluster";
import { createClient } from "@kx/controllers";
import { loadKubeconfig } from "@kx/controllers/kubeconfig";
import { KxError } from "@kx/core";
import { explainStorage, parseStorageRef, readStorageObjects } from "@kx/csi/doctor";
import { clusterDir } from "../cluster-dir.ts";
import { explanationText } from "../csi/findings-text.ts";
import type { CsiDoctorFlags } from "../csi/flags.ts";
import { format } from "../output.ts";
import { paint, type Terminal } from "../terminal.ts";

/**
 * Explains why an object of a cluster's storage does not go on, or all that do not.
 *
 * @returns the exit code: 1 if something is stuck, not if something merely waits.
 */
export async function csiDoctor(
  object: string | undefined,
  flags: CsiDoctorFlags,
  { stdout, env }: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const config = await loadKubeconfig(await chosenKubeconfig(flags, env));
  const namespace = flags.namespace ?? config.namespace ?? "default";
  // A wrong name is told before anything is read.
  const target = object === undefined ? undefined : parseStorageRef(object, namespace);
  await using client = createClient(config);
  const objects = await readStorageObjects(client, signal);
  const nowMs = Date.now();
  const explanation = explainStorage(objects, target, nowMs);
  if (flags.output === undefined) {
    stdout.write(`${explanationText(explanation, nowMs, (style, text) => paint(style, text, stdout, env))}\n`);
  } else {
    const isStuck = explanation.findings.some(({ state }) => state === "stuck");
    stdout.write(`${format({ ok: !isStuck, ...explanation }, flags.output)}\n`);
  }
  return explanation.findings.some(({ state }) => state === "stuck") ? 1 : 0;
}

/** The one that is named; else that of kx's cluster, if it is named or up; else as kubectl finds it. */
async function chosenKubeconfig({ kubeconfig, context, dir }: CsiDoctorFlags, env: Terminal["env"]) {
  const chosen = { env, ...(context === undefined ? {} : { context }) };
  if (kubeconfig !== undefined) return { ...chosen, path: kubeconfig };
  if (context !== undefined) return chosen;
  const folder = clusterDir(dir, env);
  const status = await clusterStatus(folder);
  if (status?.phase === "up") return { ...chosen, path: status.kubeconfig };
  if (dir === undefined) return chosen;
  throw new KxError("KX_CLUSTER_NOT_RUNNING", `no cluster is up in ${folder}`, {
    remedy: "start one with `kx up`, or name another with --kubeconfig",
  });
}
