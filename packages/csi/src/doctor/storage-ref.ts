import { didYouMean, KxError } from "@kx/core";

// Short names as kubectl takes them.
const kinds = {
  Pod: ["pod", "pods", "po"],
  PersistentVolumeClaim: ["pvc", "persistentvolumeclaim", "persistentvolumeclaims", "claim"],
  PersistentVolume: ["pv", "persistentvolume", "persistentvolumes"],
  VolumeAttachment: ["va", "volumeattachment", "volumeattachments"],
  VolumeSnapshot: ["vs", "volumesnapshot", "volumesnapshots"],
  VolumeSnapshotContent: ["vsc", "volumesnapshotcontent", "volumesnapshotcontents"],
  VolumeGroupSnapshot: ["vgs", "volumegroupsnapshot", "volumegroupsnapshots"],
} as const;

/** Kinds of objects that can be stuck. */
export type StuckKind = keyof typeof kinds;

/** Kinds of objects that a chain is made of. */
export type StorageKind =
  | StuckKind
  | "StorageClass"
  | "VolumeAttributesClass"
  | "VolumeSnapshotClass"
  | "CSIDriver"
  | "CSINode"
  | "Node";

/** Names one object of a cluster's storage. */
export interface StorageRef<Kind extends StorageKind = StorageKind> {
  readonly kind: Kind;
  /** Absent for what is not in a namespace. */
  readonly namespace?: string;
  readonly name: string;
}

const namespaced: ReadonlySet<StorageKind> = new Set([
  "Pod",
  "PersistentVolumeClaim",
  "VolumeSnapshot",
  "VolumeGroupSnapshot",
]);

/** A reference to an object of a kind. */
export function refTo<Kind extends StorageKind>(
  kind: Kind,
  {
    metadata: { name = "", namespace },
  }: { readonly metadata: { readonly name?: string; readonly namespace?: string } },
): StorageRef<Kind> {
  return namespace === undefined ? { kind, name } : { kind, namespace, name };
}

/** As messages name it: `PersistentVolumeClaim demo/data`. */
export function showRef({ kind, namespace, name }: StorageRef): string {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** As kubectl takes it: `persistentvolumeclaim/data -n demo`. */
export function kubectlRef({ kind, namespace, name }: StorageRef): string {
  return `${kind.toLowerCase()}/${name}${namespace === undefined ? "" : ` -n ${namespace}`}`;
}

/** Whether two references name the same object. */
export function isSameRef(a: StorageRef, b: StorageRef): boolean {
  return a.kind === b.kind && a.name === b.name && a.namespace === b.namespace;
}

/**
 * Reads `pvc/data`, `pod/app` or `va/csi-1` as kubectl writes them.
 *
 * @throws KxError `KX_CSI_DOCTOR` if it is none of the kinds that can be stuck.
 */
export function parseStorageRef(text: string, namespace: string): StorageRef<StuckKind> {
  const [, type = "", name = ""] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  const names: readonly string[] = Object.values(kinds).flat();
  const found = Object.entries(kinds).find(([, short]) => short.some((one) => one === type.toLowerCase()));
  if (found === undefined) {
    const meant = didYouMean(type, names);
    throw new KxError("KX_CSI_DOCTOR", `${text} names no object that can be looked at`, {
      remedy:
        meant === undefined ? "write it as pvc/name, pv/name, va/name, pod/name or vs/name" : `did you mean ${meant}/?`,
    });
  }
  const kind = found[0] as StuckKind;
  return namespaced.has(kind) ? { kind, namespace, name } : { kind, name };
}
