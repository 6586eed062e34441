import { readFile } from "node:fs/promises";
import { KxError } from "@kx/core";
import type { HealthOptions } from "@kx/core/host";
import { judgeByReviews } from "./access-review.ts";

/** The flags that say where health is served. */
export interface HealthFlags {
  readonly healthPort: number;
  readonly healthHost: string;
  readonly healthSocket?: string | undefined;
  readonly healthCertFile?: string | undefined;
  readonly healthKeyFile?: string | undefined;
  readonly kubeconfig?: string | undefined;
}

/**
 * Makes the options of the health endpoint: with a certificate, the API server judges who asks.
 *
 * @throws KxError `KX_CONFIG_INVALID` if only one of certificate and key is given, `KX_CONFIG_FILE_UNREADABLE`, or what
 * loading the kubeconfig throws.
 */
export async function healthOptions(flags: HealthFlags): Promise<HealthOptions> {
  const { healthPort: port, healthHost: host, healthSocket, healthCertFile, healthKeyFile, kubeconfig } = flags;
  const where = { host, port, ...(healthSocket === undefined ? {} : { socket: healthSocket }) };
  if (healthCertFile === undefined && healthKeyFile === undefined) return where;
  if (healthCertFile === undefined || healthKeyFile === undefined) {
    const missing = healthCertFile === undefined ? "--health-cert-file" : "--health-key-file";
    throw new KxError("KX_CONFIG_INVALID", `${missing} is missing`, { remedy: "give both files, or neither" });
  }
  const tls = { cert: await readPem(healthCertFile), key: await readPem(healthKeyFile) };
  // On loopback no client is needed.
  const [{ createClient }, { loadKubeconfig }] = await Promise.all([
    import("@kx/controllers"),
    import("@kx/controllers/kubeconfig"),
  ]);
  const client = createClient(await loadKubeconfig(kubeconfig === undefined ? {} : { path: kubeconfig }));
  return { ...where, tls, authorize: judgeByReviews(client) };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new KxError("KX_CONFIG_FILE_UNREADABLE", `cannot read ${path}: ${KxError.from(cause).reason}`, { cause });
  }
}
