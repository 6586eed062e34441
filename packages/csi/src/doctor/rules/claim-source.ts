// Claims whose volume is to be filled with the content of another.
import type { Cached } from "@kx/controllers";
import type { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import type { Found } from "../finding.ts";
import { refTo } from "../storage-ref.ts";
import type { StorageWorld } from "../storage-world.ts";

/** What a claim is to be filled with, if it is a snapshot or a claim of its namespace. */
export function sourceOf(
  claim: Cached<PersistentVolumeClaim>,
): { readonly kind: "VolumeSnapshot" | "PersistentVolumeClaim"; readonly name: string } | undefined {
  const source = claim.spec?.dataSource ?? claim.spec?.dataSourceRef;
  if (source === undefined) return undefined;
  const { kind, name } = source;
  return kind === "VolumeSnapshot" || kind === "PersistentVolumeClaim" ? { kind, name } : undefined;
}

/** Whether the source is there and ready. */
export function sourceFinding(claim: Cached<PersistentVolumeClaim>, world: StorageWorld): Found | undefined {
  const source = sourceOf(claim);
  if (source === undefined) return undefined;
  const { namespace } = claim.metadata;
  const shown = `${source.kind} ${namespace}/${source.name}`;
  const lastError = world.lastEvent(refTo("PersistentVolumeClaim", claim), "ProvisioningFailed");
  const from =
    source.kind === "VolumeSnapshot" ? world.snapshot(namespace, source.name) : world.claim(namespace, source.name);
  if (from === undefined) {
    return {
      code: "SourceMissing",
      message: `it is to be filled from ${shown}, which does not exist`,
      waitsFor: shown,
      lastError,
      remedy: "make the source, or make the claim anew without it",
    };
  }
  const status: { readonly readyToUse?: boolean; readonly phase?: string } = from.status ?? {};
  if (status.readyToUse === true || status.phase === "Bound") return undefined;
  return {
    code: "SourceNotReady",
    ...(world.isOverdue(claim.metadata.creationTimestamp) ? {} : { state: "waiting" }),
    message: `it is to be filled from ${shown}, which is not ${source.kind === "VolumeSnapshot" ? "ready to use" : "bound"}`,
    waitsFor: shown,
    lastError,
    remedy: `see what ${shown} waits for`,
  };
}
