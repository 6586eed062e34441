import { electLeader, type LeaderElectionOptions } from "@kx/controllers";
import type { HostedExtension } from "@kx/core/host";
import type { SidecarOptions, SidecarPart } from "../controllers/sidecars.ts";

/** What can run in a driver's process beside it: what registers it with the kubelet, and its controllers. */
export type CsiPart = "registrar" | SidecarPart;

/** All of them. */
export const csiParts: readonly CsiPart[] = [
  "registrar",
  "provisioner",
  "capacity",
  "attacher",
  "resizer",
  "snapshotter",
  "health-monitor",
  "snapshot-metadata",
];

/** What runs beside a driver, and how. */
export interface EmbedOptions extends Omit<SidecarOptions, "parts" | "node"> {
  /** Which parts. Default: those that the driver needs in its mode. */
  readonly parts?: readonly CsiPart[];
  /**
   * Whether of several replicas one at a time runs the controllers. Default: in a pod it does, elsewhere not, and never where
   * each node has controllers of its own.
   */
  readonly leaderElection?: boolean;
  /** The one Lease of all parts. Default: `csi-<driver>`, and what `electLeader` says. */
  readonly lease?: Partial<LeaderElectionOptions>;
}

/** The options of `embed`, whichever way they are written. */
export function embedOptionsOf(embed: readonly CsiPart[] | EmbedOptions | undefined): EmbedOptions {
  return isList(embed) ? { parts: embed } : (embed ?? {});
}

/** Where a driver's process runs. */
export interface ElectionPlace {
  readonly driverName: string;
  readonly kubeconfig?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The controllers of a driver under one Lease, if that is asked for. */
export function underLease(
  controllers: readonly HostedExtension[],
  { leaderElection, lease }: Pick<EmbedOptions, "leaderElection" | "lease">,
  { driverName, kubeconfig, env }: ElectionPlace,
): readonly HostedExtension[] {
  // A rolling update starts a new replica before the old one has ended, whatever number is wanted.
  const isInPod = kubeconfig === undefined && env["KUBERNETES_SERVICE_HOST"] !== undefined;
  if (controllers.length === 0 || !(leaderElection ?? isInPod)) return controllers;
  return electLeader(controllers, { leaseName: leaseNameOf(driverName), ...lease });
}

/** The Lease of a driver's controllers; names of objects have no upper-case letters. */
export function leaseNameOf(driverName: string): string {
  return `csi-${driverName.toLowerCase()}`;
}

function isList(embed: readonly CsiPart[] | EmbedOptions | undefined): embed is readonly CsiPart[] {
  return Array.isArray(embed);
}
