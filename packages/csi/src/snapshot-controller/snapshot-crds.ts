import type { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { volumeGroupSnapshotCrds } from "./crds/volume-group-snapshots.ts";
import { volumeSnapshotCrds } from "./crds/volume-snapshots.ts";

/** The CRDs that the snapshot controller works with. */
export function snapshotCrds(options: { readonly groups: boolean }): readonly CustomResourceDefinition[] {
  return [...volumeSnapshotCrds(), ...(options.groups ? volumeGroupSnapshotCrds() : [])];
}
