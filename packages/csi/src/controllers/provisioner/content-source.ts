import { type Cached, isNotFound, type ObjectRef, type ReconcileContext } from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { KxError } from "@kx/core";
import { ControllerCapability } from "@kx/core/contracts/csi";
import { VolumeSnapshot, VolumeSnapshotContent } from "../../snapshot-controller/resources.ts";
import { addFinalizer } from "../finalizers.ts";
import { cloneHandle, type DataSource, snapshotHandle } from "./data-source.ts";
import { cloneFinalizer, snapshotFinalizer } from "./names.ts";
import type { Claim } from "./plan-claim.ts";
import type { ProvisionerEnv } from "./provisioner-env.ts";
import { placeOfSource } from "./source-place.ts";
import type { VolumeSourceInit } from "./volume-request.ts";

type OwnSource = Exclude<DataSource, { readonly kind: "foreign" }>;

/**
 * Finds what a volume is to be filled with, and keeps it from being deleted meanwhile.
 *
 * @throws KxError `KX_CSI_SOURCE`, `KX_CSI_NODE` where it is on another node, and those of the API server.
 */
export async function openSource(
  claim: Claim,
  source: OwnSource,
  env: ProvisionerEnv,
  ctx: ReconcileContext,
): Promise<VolumeSourceInit> {
  const { node } = env;
  if (node !== undefined && (await placeOfSource(source, node, ctx)) === "elsewhere") {
    throw new KxError(
      "KX_CSI_NODE",
      `the ${source.kind} ${source.name} to be copied is on another node than ${node.name}`,
    );
  }
  return source.kind === "claim"
    ? await openClaim(claim, source, env, ctx)
    : await openSnapshot(claim, source, env, ctx);
}

async function openClaim(
  claim: Claim,
  source: ObjectRef,
  { driver }: ProvisionerEnv,
  { cache, client, signal }: ReconcileContext,
): Promise<VolumeSourceInit> {
  if (!driver.capabilities.controller.has(ControllerCapability.CLONE_VOLUME)) throw cannot("copy volumes");
  const from = cache.get(PersistentVolumeClaim, source);
  const volumeName = from?.spec?.volumeName ?? "";
  const volume = volumeName === "" ? undefined : cache.get(PersistentVolume, { name: volumeName });
  const volumeId = cloneHandle(claim, driver.name, { claim: from, volume });
  if (from !== undefined) await addFinalizer(client, PersistentVolumeClaim, from, cloneFinalizer, signal);
  return { type: { case: "volume", value: { volumeId } } };
}

async function openSnapshot(
  claim: Claim,
  source: ObjectRef,
  { driver, options }: ProvisionerEnv,
  { client, signal }: ReconcileContext,
): Promise<VolumeSourceInit> {
  if (!driver.capabilities.controller.has(ControllerCapability.CREATE_DELETE_SNAPSHOT))
    throw cannot("restore snapshots");
  const snapshot = await found(client.get(VolumeSnapshot, source, { signal }));
  if (snapshot === undefined)
    throw new KxError("KX_CSI_SOURCE", `the snapshot ${source.name} does not exist`, { retryable: true });
  const name = snapshot.status?.boundVolumeSnapshotContentName;
  const content = name === undefined ? undefined : await found(client.get(VolumeSnapshotContent, { name }, { signal }));
  const snapshotId = snapshotHandle(claim, driver.name, { snapshot, content }, options.preventVolumeModeConversion);
  const cached = snapshot as Cached<typeof snapshot>;
  await addFinalizer(client, VolumeSnapshot, cached, snapshotFinalizer, signal);
  return { type: { case: "snapshot", value: { snapshotId } } };
}

async function found<T>(getting: Promise<T>): Promise<T | undefined> {
  try {
    return await getting;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function cannot(what: string): KxError {
  return new KxError("KX_CSI_SOURCE", `the driver cannot ${what}`, { remedy: "make the claim anew without a source" });
}
