// Finalizers, annotations and labels of snapshots: part of the API, as other tools read them.

const volume = "snapshot.storage.kubernetes.io";
const group = "groupsnapshot.storage.kubernetes.io";

/** On what keeps an object from going too early. */
export const finalizers = {
  /** On a VolumeSnapshot whose content is deleted with it, until that is gone. */
  snapshotBound: `${volume}/volumesnapshot-bound-protection`,
  /** On a VolumeSnapshot, as a volume may be made of it. */
  snapshotAsSource: `${volume}/volumesnapshot-as-source-protection`,
  /** On a VolumeSnapshot that belongs to a group. */
  snapshotInGroup: `${volume}/volumesnapshot-in-group-protection`,
  /** On a VolumeSnapshotContent, until its snapshot on the storage is gone or is to stay. */
  contentBound: `${volume}/volumesnapshotcontent-bound-protection`,
  /** On a claim while a snapshot of it is made. */
  claimAsSource: `${volume}/pvc-as-source-protection`,
  groupBound: `${group}/volumegroupsnapshot-bound-protection`,
  groupContentBound: `${group}/volumegroupsnapshotcontent-bound-protection`,
} as const;

/** What controllers tell each other. */
export const annotations = {
  /** `true` on the class that is used where none is named. */
  defaultClass: `${volume}/is-default-class`,
  defaultGroupClass: `${group}/is-default-class`,
  /** On a content whose snapshot is being created: the driver may have begun. */
  beingCreated: `${volume}/volumesnapshot-being-created`,
  /** On a content whose VolumeSnapshot is being deleted. */
  beingDeleted: `${volume}/volumesnapshot-being-deleted`,
  groupBeingCreated: `${group}/volumegroupsnapshot-being-created`,
  groupBeingDeleted: `${group}/volumegroupsnapshot-being-deleted`,
  /** The secret that DeleteSnapshot is called with. */
  deletionSecretName: `${volume}/deletion-secret-name`,
  deletionSecretNamespace: `${volume}/deletion-secret-namespace`,
  groupDeletionSecretName: `${group}/deletion-secret-name`,
  groupDeletionSecretNamespace: `${group}/deletion-secret-namespace`,
  /** On the content of a group's snapshot: the driver has made it, so it is not created alone. */
  groupHandle: "groupsnapshot.storage.k8s.io/volumeGroupSnapshotHandle",
} as const;

/** On a content that only the sidecar on this node may handle. */
export const managedByLabel: string = `${volume}/managed-by`;
