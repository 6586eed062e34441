import { KxError } from "@kx/core";
import { durationSetting } from "@kx/core/config";
import type { HealthOptions } from "@kx/core/host";
import * as z from "zod/mini";
import type { EmbedOptions } from "../driver/embed-options.ts";
import { given } from "../given.ts";
import type { SnapshotMetadataOptions } from "../snapshot-metadata/options.ts";

const optional = {
  text: (what: string) => z.optional(z.string().check(z.minLength(1), z.describe(what))),
  count: (what: string) => z.optional(z.int().check(z.positive(), z.describe(what))),
  duration: (what: string) => z.optional(durationSetting(what)),
  flag: (what: string) => z.optional(z.boolean().check(z.describe(what))),
};

/** How the controllers of a driver work, by the flags that their sidecars have. */
export const sidecarShape = {
  kubeconfig: optional.text("Kubeconfig file. In a pod, the service account is used without."),
  timeout: optional.duration("How long a call of the driver is waited for. Default: 1m."),
  workerThreads: optional.count("Objects of one kind at work at the same time. Default: 100."),
  retryIntervalStart: optional.duration("How long an object waits after a failure. Default: 1s."),
  retryIntervalMax: optional.duration("How long it waits at most after many. Default: 5m."),
  defaultFstype: optional.text("File system of volumes whose class names none. Default: the driver chooses."),
  extraCreateMetadata: optional.flag("Tell the driver the names of what a volume or snapshot is made for."),
  extraModifyMetadata: optional.flag("Tell the driver the names of claim and volume when attributes are changed."),
  volumeNamePrefix: optional.text("Volumes are named by it and the claim's uid. Default: pvc."),
  snapshotNamePrefix: optional.text("Snapshots are named by it and their object's uid. Default: snapshot."),
  groupsnapshotNamePrefix: optional.text("The same for groups. Default: groupsnapshot."),
  strictTopology: optional.flag("Ask for volumes in the place of the chosen node alone."),
  immediateTopology: optional.flag("Tell all places of the cluster for classes that bind at once. Default: true."),
  preventVolumeModeConversion: optional.flag(
    "Refuse to restore to another volumeMode unless the content's annotation allows it. Default: true.",
  ),
  capacityNamespace: optional.text("Namespace of the objects that tell capacity. Default: default."),
  capacityPollInterval: optional.duration("How often the driver is asked for its capacity. Default: 1m."),
  capacityForImmediateBinding: optional.flag("Tell the capacity also for classes that bind at once."),
  reconcileSync: optional.duration("How often attached volumes are compared with the driver's list. Default: 1m."),
  monitorInterval: optional.duration("How often the health of volumes is asked for. Default: 5m by list, else 1m."),
  tlsCert: optional.text(
    "Certificate of the snapshot-metadata service, PEM; read again when it changes. Default: not served.",
  ),
  tlsKey: optional.text("Its key, PEM."),
  tlsCa: optional.text(
    "Those who sign it, PEM: the driver's SnapshotMetadataService is made of it. Default: others make it.",
  ),
  port: z.optional(
    z.int().check(z.gte(0), z.lte(65_535), z.describe("TCP port of the snapshot-metadata service. Default: 50051.")),
  ),
  serviceAddress: optional.text("Its host and port for the SnapshotMetadataService. Default: those of the Service."),
  audience: optional.text("What tokens of its callers must be for. Default: what the SnapshotMetadataService says."),
  maxStreamingDurationMin: optional.count("How many minutes a call of it may take. Default: 10."),
  leaderElection: optional.flag(
    "Let of several replicas one at a time change the cluster. Default: in a pod, it does.",
  ),
  leaderElectionLeaseName: optional.text("Name of the Lease, the same for all replicas. Default: csi-<driver>."),
  leaderElectionNamespace: optional.text("Its namespace. Default: the pod's, or the kubeconfig's, else default."),
  leaderElectionLeaseDuration: optional.duration("How long others wait for a leader not heard of. Default: 15s."),
  leaderElectionRenewDeadline: optional.duration("How long a leader goes on without a renewal. Default: 10s."),
  leaderElectionRetryPeriod: optional.duration("How long between two tries for the Lease. Default: 2s."),
  httpEndpoint: z.optional(
    z
      .string()
      .check(
        z.regex(/^[^\s]*:\d{1,5}$/, "must be an address and a port, such as 127.0.0.1:9809"),
        z.describe(
          "Loopback address and port of /metrics, /healthz, /readyz and /extensions, such as 127.0.0.1:9809. Default: none.",
        ),
      ),
  ),
} as const;

const fields = z.strictObject(sidecarShape);

/** The flags, read. */
export type SidecarFlags = z.output<typeof fields>;

/**
 * Flags as options of the controllers.
 *
 * @throws KxError `KX_CONFIG_INVALID` for a certificate without its key.
 */
export function sidecarOptions(flags: SidecarFlags): Omit<EmbedOptions, "parts"> {
  const { retryIntervalStart: baseMs = 1000, retryIntervalMax: maxMs = 300_000 } = flags;
  return given({
    callTimeoutMs: flags.timeout,
    concurrency: flags.workerThreads,
    retryBackoff: { baseMs, maxMs },
    defaultFsType: flags.defaultFstype,
    extraCreateMetadata: flags.extraCreateMetadata,
    provisioner: given({
      volumeNamePrefix: flags.volumeNamePrefix,
      strictTopology: flags.strictTopology,
      immediateTopology: flags.immediateTopology,
      preventVolumeModeConversion: flags.preventVolumeModeConversion,
    }),
    capacity: given({
      namespace: flags.capacityNamespace,
      pollMs: flags.capacityPollInterval,
      immediateBinding: flags.capacityForImmediateBinding,
    }),
    attacher: given({ reconcileMs: flags.reconcileSync }),
    resizer: given({ extraModifyMetadata: flags.extraModifyMetadata }),
    snapshotter: given({
      snapshotNamePrefix: flags.snapshotNamePrefix,
      groupSnapshotNamePrefix: flags.groupsnapshotNamePrefix,
    }),
    healthMonitor: given({ intervalMs: flags.monitorInterval }),
    snapshotMetadata: metadataOptions(flags),
    leaderElection: flags.leaderElection,
    lease: given({
      leaseName: flags.leaderElectionLeaseName,
      namespace: flags.leaderElectionNamespace,
      leaseDurationMs: flags.leaderElectionLeaseDuration,
      renewDeadlineMs: flags.leaderElectionRenewDeadline,
      retryPeriodMs: flags.leaderElectionRetryPeriod,
    }),
  });
}

function metadataOptions(flags: SidecarFlags): SnapshotMetadataOptions | undefined {
  const { tlsCert: certFile, tlsKey: keyFile, maxStreamingDurationMin: minutes } = flags;
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    const missing = certFile === undefined ? "--tls-cert" : "--tls-key";
    throw new KxError("KX_CONFIG_INVALID", `${missing} is missing`, { remedy: "give both files, or neither" });
  }
  const { tlsCa: caFile, port, serviceAddress: address, audience } = flags;
  const maxStreamMs = minutes === undefined ? undefined : minutes * 60_000;
  return { certFile, keyFile, ...given({ caFile, port, address, audience, maxStreamMs }) };
}

/**
 * Where health is served.
 *
 * @throws KxError `KX_CONFIG_INVALID` for a port that there is not.
 */
export function healthOptions(endpoint: string | undefined): HealthOptions | undefined {
  if (endpoint === undefined) return undefined;
  const end = endpoint.lastIndexOf(":");
  const port = Number(endpoint.slice(end + 1));
  // As Go's listeners understand it; whether others may be served is judged where it is served.
  const host = endpoint.slice(0, end).replace(/^\[(.*)\]$/, "$1") || "::";
  if (port <= 65_535) return { host, port };
  throw new KxError("KX_CONFIG_INVALID", `httpEndpoint has the port ${port}`, { remedy: "give a port up to 65535" });
}
