import { setTimeout as delay } from "node:timers/promises";
import { type ClusterProcess, type ControlPlane, connectCluster } from "@kx/cluster";
import { KxError } from "@kx/core";
import { type ConfiguredExtensions, renderExtensions } from "./configured.ts";
import { installObjects, managerName } from "./extensions.ts";
import { writeRequest } from "./hosts.ts";
import type { UpRequest } from "./supervision.ts";

const restartMs = 30_000;

/**
 * Gives a running cluster's controller manager the present content of its configuration file: it is stopped, and started
 * again by its supervisor. Objects of extensions that are no longer named stay.
 */
export async function reconfigure(
  running: UpRequest,
  extensions: ConfiguredExtensions,
  signal: AbortSignal,
): Promise<void> {
  const rendered = await renderExtensions(extensions, signal);
  const cluster = await connectCluster(running.dir);
  await installObjects(cluster, rendered);
  const before = await manager(cluster);
  if (before?.pid !== undefined) process.kill(before.pid, "SIGTERM");
  for (const deadline = Date.now() + restartMs; ; await delay(100, undefined, { signal })) {
    const now = await manager(cluster);
    if (now?.state === "running" && now.pid !== undefined && now.pid !== before?.pid) break;
    if (Date.now() < deadline) continue;
    throw new KxError("KX_CLI_EXTENSIONS", `the controller manager did not start again within ${restartMs / 1000} s`, {
      remedy: `see its log: ${now?.log ?? cluster.logs(managerName)}`,
    });
  }
  await writeRequest({ ...running, extensions });
}

async function manager(cluster: ControlPlane): Promise<ClusterProcess | undefined> {
  return (await cluster.processes()).find(({ name }) => name === managerName);
}
