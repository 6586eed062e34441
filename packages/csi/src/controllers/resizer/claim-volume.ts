import type { Cached, CacheReader, Client, ReconcileContext } from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { statusOf } from "../outcome.ts";
import type { OwnNode } from "../provisioner/provisioner-env.ts";
import { isReachable } from "../provisioner/topology.ts";

/** A claim and the volume that it is bound to. */
export interface BoundClaim {
  readonly claim: Cached<PersistentVolumeClaim>;
  readonly volume: Cached<PersistentVolume>;
}

/** The volume of a claim, if it is one of this driver (where each node has its own: of this node), and the claim's. */
export function boundOf(
  claim: Cached<PersistentVolumeClaim>,
  cache: CacheReader,
  driverName: string,
  node?: OwnNode,
): BoundClaim | undefined {
  const name = claim.spec?.volumeName ?? "";
  const volume = name === "" ? undefined : cache.get(PersistentVolume, { name });
  const { csi, claimRef } = volume?.spec ?? {};
  if (volume === undefined || csi?.driver !== driverName) return undefined;
  if (node !== undefined && !isReachable(volume.spec?.nodeAffinity, node.segments)) return undefined;
  const { namespace, uid } = claim.metadata;
  return claimRef?.namespace === namespace && claimRef?.uid === uid ? { claim, volume } : undefined;
}

/** Changes the status of a claim, and annotations; fails if the claim has changed since it was read. */
export async function patchClaim(
  claim: Cached<PersistentVolumeClaim>,
  status: Readonly<Record<string, unknown>>,
  { client, signal }: { readonly client: Client; readonly signal: AbortSignal },
  annotations?: Readonly<Record<string, string | null>>,
): Promise<Cached<PersistentVolumeClaim>> {
  const { name, namespace, uid, resourceVersion } = claim.metadata;
  const metadata = { uid, resourceVersion, ...(annotations === undefined ? {} : { annotations }) };
  const patch = { metadata, status };
  const options = { type: "merge", subresource: "status", signal } as const;
  return await client.patch(PersistentVolumeClaim, { name, namespace }, patch, options);
}

/** Changes the spec of a volume. */
export async function patchVolume(
  { metadata: { name, uid } }: Cached<PersistentVolume>,
  spec: Readonly<Record<string, unknown>>,
  { client, signal }: Pick<ReconcileContext, "client" | "signal">,
): Promise<void> {
  await client.patch(PersistentVolume, { name }, { metadata: { uid }, spec }, { type: "merge", signal });
}

const maybeRunning = new Set(["CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED"]);

/**
 * Whether a driver has said that nothing is at work any more. Unlike for the creation of volumes, RESOURCE_EXHAUSTED does
 * not say so.
 */
export function isFinalAnswer(error: unknown): boolean {
  const status = statusOf(error);
  return status !== undefined && !maybeRunning.has(status);
}
