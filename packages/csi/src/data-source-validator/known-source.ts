/** A kind of objects. */
export interface GroupKind {
  readonly group: string;
  readonly kind: string;
}

const core: readonly GroupKind[] = [
  { group: "", kind: "PersistentVolumeClaim" },
  { group: "snapshot.storage.k8s.io", kind: "VolumeSnapshot" },
];

/** Whether somebody fills claims from such a source: a provisioner, or one of these populators. */
export function isKnownSource(
  source: { readonly apiGroup?: string; readonly kind: string } | undefined,
  populators: readonly GroupKind[],
): boolean {
  if (source === undefined) return true;
  const { apiGroup = "", kind } = source;
  return [...core, ...populators].some((one) => one.group === apiGroup && one.kind === kind);
}
