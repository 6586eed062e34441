// The names by which controllers of volumes, the scheduler and tools know what a provisioner did.

/** Who shall provision a claim; the older name first in time, second in rank. */
export const provisionerAnnotations = [
  "volume.kubernetes.io/storage-provisioner",
  "volume.beta.kubernetes.io/storage-provisioner",
] as const;

/** On a claim: the node where its first pod is to run. */
export const selectedNode = "volume.kubernetes.io/selected-node";

/** On a volume: who provisioned it. */
export const provisionedBy = "pv.kubernetes.io/provisioned-by";

/** On a volume: the secret for its deletion. */
export const deletionSecret = {
  name: "volume.kubernetes.io/provisioner-deletion-secret-name",
  namespace: "volume.kubernetes.io/provisioner-deletion-secret-namespace",
} as const;

/** On a volume: the secret for changes of its attributes. */
export const modifySecret = {
  name: "volume.kubernetes.io/controller-modify-secret-name",
  namespace: "volume.kubernetes.io/controller-modify-secret-namespace",
} as const;

/** Keeps a volume until what is behind it is deleted. */
export const volumeFinalizer = "external-provisioner.volume.kubernetes.io/finalizer";

/** Keeps a claim while another is filled with its content. */
export const cloneFinalizer = "provisioner.storage.kubernetes.io/cloning-protection";

/** Keeps a snapshot while a claim is filled with its content. */
export const snapshotFinalizer = "provisioner.storage.kubernetes.io/volumesnapshot-as-source-protection";

/** Volume attribute: which instance of a provisioner made the volume. */
export const provisionerIdentity = "storage.kubernetes.io/csiProvisionerIdentity";
