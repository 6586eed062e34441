import { readFile } from "node:fs/promises";
import { electLeader } from "@kx/controllers";
import { KxError } from "@kx/core";
import type { HostedExtension } from "@kx/core/host";

/** The flags of leader election. */
export interface LeaderFlags {
  readonly leaderElect?: boolean | undefined;
  readonly leaderElectLeaseName: string;
  readonly leaderElectNamespace?: string | undefined;
  /** Milliseconds, as the two below. */
  readonly leaderElectLeaseDuration: number;
  readonly leaderElectRenewDeadline: number;
  readonly leaderElectRetryPeriod: number;
  readonly kubeconfig?: string | undefined;
}

const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/**
 * Lets only the leader's extensions change the cluster, if that is asked for. In a pod it is unless told otherwise: a rolling
 * update starts a new replica before the old one has ended, whatever number is wanted.
 *
 * @throws KxError `KX_CONFIG_INVALID` for times that would allow two leaders.
 */
export async function electIfAsked(
  extensions: readonly HostedExtension[],
  flags: LeaderFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly HostedExtension[]> {
  const isInPod = flags.kubeconfig === undefined && env["KUBERNETES_SERVICE_HOST"] !== undefined;
  if (!(flags.leaderElect ?? isInPod)) return extensions;
  const options = {
    leaseName: flags.leaderElectLeaseName,
    namespace: flags.leaderElectNamespace ?? (isInPod ? await podNamespace() : "kx-system"),
    leaseDurationMs: flags.leaderElectLeaseDuration,
    renewDeadlineMs: flags.leaderElectRenewDeadline,
    retryPeriodMs: flags.leaderElectRetryPeriod,
  };
  try {
    return electLeader(extensions, options);
  } catch (cause) {
    const { reason } = KxError.from(cause);
    const remedy =
      "give --leader-elect-lease-duration, -renew-deadline and -retry-period, each less than the one before";
    throw new KxError("KX_CONFIG_INVALID", reason, { cause, remedy });
  }
}

async function podNamespace(): Promise<string> {
  try {
    return (await readFile(namespaceFile, "utf8")).trim();
  } catch (cause) {
    const reason = `the namespace of the Lease is not known: cannot read ${namespaceFile}`;
    throw new KxError("KX_CONFIG_INVALID", reason, { cause, remedy: "give --leader-elect-namespace" });
  }
}
