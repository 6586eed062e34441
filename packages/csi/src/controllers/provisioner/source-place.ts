import { isNotFound, type ReconcileContext } from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { managedByLabel } from "../../snapshot-controller/names.ts";
import { VolumeSnapshot, VolumeSnapshotContent } from "../../snapshot-controller/resources.ts";
import type { DataSource } from "./data-source.ts";
import type { OwnNode } from "./provisioner-env.ts";
import { isReachable } from "./topology.ts";

/** Where what a claim is to be filled with is, as one node sees it; `unknown` as long as it is not made. */
export type SourcePlace = "here" | "elsewhere" | "unknown";

/** Where a source is, where each node has storage of its own. */
export async function placeOfSource(
  source: Exclude<DataSource, { readonly kind: "foreign" }>,
  node: OwnNode,
  ctx: Pick<ReconcileContext, "cache" | "client" | "signal">,
): Promise<SourcePlace> {
  if (source.kind === "snapshot") return await placeOfSnapshot(source, node, ctx);
  const name = ctx.cache.get(PersistentVolumeClaim, source)?.spec?.volumeName;
  const volume = name === undefined ? undefined : ctx.cache.get(PersistentVolume, { name });
  if (volume === undefined) return "unknown";
  return isReachable(volume.spec?.nodeAffinity, node.segments) ? "here" : "elsewhere";
}

/** The snapshot controller says on contents which node has them. */
async function placeOfSnapshot(
  { name, namespace }: { readonly name: string; readonly namespace: string },
  node: OwnNode,
  { client, signal }: Pick<ReconcileContext, "client" | "signal">,
): Promise<SourcePlace> {
  try {
    const { status } = await client.get(VolumeSnapshot, { name, namespace }, { signal });
    const bound = status?.boundVolumeSnapshotContentName;
    if (bound === undefined) return "unknown";
    const { metadata } = await client.get(VolumeSnapshotContent, { name: bound }, { signal });
    const manager = metadata.labels?.[managedByLabel];
    if (manager === undefined) return "unknown";
    return manager === node.name ? "here" : "elsewhere";
  } catch (error) {
    if (isNotFound(error)) return "unknown";
    throw error;
  }
}
