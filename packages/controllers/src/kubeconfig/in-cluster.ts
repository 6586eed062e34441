import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, KxError, systemClock } from "@kx/core";
import type { ClientConfig } from "../config.ts";
import { tokenFile } from "./token-file.ts";

/** Where a pod's configuration comes from. */
export interface InClusterOptions {
  /** Environment variables. Default: those of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folder of token, ca.crt and namespace. Default: where the kubelet mounts them. */
  readonly folder?: string;
  readonly clock?: Clock;
}

const defaultFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The configuration of a pod's service account. Throws KX_KUBECONFIG_NOT_FOUND outside of a pod. */
export async function inClusterConfig(options: InClusterOptions = {}): Promise<ClientConfig> {
  const { env = process.env, folder = defaultFolder, clock = systemClock } = options;
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT"];
  if (host === undefined || host === "" || port === undefined || port === "") {
    throw new KxError("KX_KUBECONFIG_NOT_FOUND", "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set", {
      remedy: "outside of a pod, give the path of a kubeconfig",
    });
  }
  let ca: string;
  try {
    ca = await readFile(join(folder, "ca.crt"), "utf8");
  } catch (cause) {
    throw new KxError("KX_KUBECONFIG_NOT_FOUND", `cannot read ${join(folder, "ca.crt")}`, {
      cause,
      remedy: "give the pod a service account, and leave automountServiceAccountToken on",
    });
  }
  const namespace = await readFile(join(folder, "namespace"), "utf8").catch(() => undefined);
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ca,
    credentials: tokenFile(join(folder, "token"), clock),
    origin: folder,
    ...(namespace === undefined ? {} : { namespace: namespace.trim() }),
  };
}
