import type { Cached, DeepReadonly } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";

/** The CSI volume behind a claim; a text says why there is none. */
export type ClaimVolume =
  | { readonly volume: Cached<PersistentVolume>; readonly driver: string; readonly handle: string }
  | { readonly problem: string };

/** Finds the CSI volume of a claim, both of which must refer to each other. */
export function volumeOf(
  claim: Cached<PersistentVolumeClaim>,
  volumeNamed: (name: string) => Cached<PersistentVolume> | undefined,
): ClaimVolume {
  const { name } = claim.metadata;
  if (claim.status?.phase !== "Bound") return { problem: `the claim ${name} is not bound to a volume yet` };
  const volume = volumeNamed(claim.spec?.volumeName ?? "");
  if (volume === undefined) return { problem: `the volume ${claim.spec?.volumeName} of claim ${name} does not exist` };
  if (!isBoundTo(volume, claim)) return { problem: `the volume ${volume.metadata.name} is not bound to claim ${name}` };
  const csi = volume.spec?.csi;
  if (csi === undefined) return { problem: `the volume ${volume.metadata.name} of claim ${name} is not a CSI volume` };
  return { volume, driver: csi.driver, handle: csi.volumeHandle };
}

function isBoundTo(volume: DeepReadonly<PersistentVolume>, claim: Cached<PersistentVolumeClaim>): boolean {
  const reference = volume.spec?.claimRef;
  if (reference === undefined) return false;
  const { name, namespace, uid } = claim.metadata;
  const hasUid = reference.uid !== undefined && reference.uid !== "";
  return reference.name === name && reference.namespace === namespace && (!hasUid || reference.uid === uid);
}
