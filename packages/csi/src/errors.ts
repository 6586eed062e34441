import type { ErrorCatalogue } from "@kx/core";

/** Every error code that @kx/csi throws. */
export const csiErrors = {
  KX_CSI_DEFINITION: {
    meaning: "A driver's definition is wrong. This is a fault in the program.",
    remedy: "Correct the field that the message names.",
  },
  KX_CSI_INVALID_ARGUMENT: {
    meaning: "A request lacks a required field, or a field's value is not allowed. CSI: INVALID_ARGUMENT.",
    remedy: "Correct the fields that the message names.",
  },
  KX_CSI_NOT_FOUND: {
    meaning: "The volume, snapshot, group or node does not exist. CSI: NOT_FOUND.",
    remedy: "Check the id that the message names.",
  },
  KX_CSI_ALREADY_EXISTS: {
    meaning: "What is asked for exists under that name or path, and is not compatible. CSI: ALREADY_EXISTS.",
    remedy: "Use another name or path, or ask for what is there.",
  },
  KX_CSI_IN_USE: {
    meaning: "The volume's or snapshot's present use does not allow it. CSI: FAILED_PRECONDITION.",
    remedy: "End the use that the message names, then try again.",
  },
  KX_CSI_OUT_OF_RANGE: {
    meaning: "A size, a range or an offset is not possible. CSI: OUT_OF_RANGE.",
    remedy: "Ask for a size within what the message names.",
  },
  KX_CSI_EXHAUSTED: {
    meaning: "There is no room left: space, volumes, attachments, or the place asked for. CSI: RESOURCE_EXHAUSTED.",
    remedy: "Free what the message names, or choose another place.",
  },
  KX_CSI_BUSY: {
    meaning: "Another call for the same volume or snapshot is at work. CSI: ABORTED.",
    remedy: "Nothing: the caller tries again. If it stays, see in the driver's log what the other call waits for.",
  },
  KX_CSI_TOKEN: {
    meaning: "The starting token of a list is none of those that were given for it. CSI: ABORTED.",
    remedy: "Begin the list again without a token.",
  },
  KX_CSI_STARTING: {
    meaning: "The driver is not ready yet. CSI: UNAVAILABLE.",
    remedy: "Nothing: the caller tries again. If it stays, see what the driver's init waits for.",
  },
  KX_CSI_UNAVAILABLE: {
    meaning: "The storage system did not answer, or asks to be tried again. CSI: UNAVAILABLE.",
    remedy: "Nothing: the caller tries again. If it stays, see whether the storage system works.",
  },
  KX_CSI_TIMEOUT: {
    meaning: "Something that the driver waited for took too long, and may still be at work. CSI: DEADLINE_EXCEEDED.",
    remedy: "Nothing: the caller tries again. If it stays, see what the message names.",
  },
  KX_CSI_UNSUPPORTED: {
    meaning: "The driver does not do that. CSI: UNIMPLEMENTED.",
    remedy: "Ask only for what the driver's capabilities tell.",
  },
  KX_CSI_RESPONSE: {
    meaning: "A driver's handler gave an answer that CSI does not allow. This is a fault in the driver. CSI: INTERNAL.",
    remedy: "Correct the handler that the message names.",
  },
  KX_CSI_ENDPOINT: {
    meaning: "An endpoint is no Unix socket that CSI allows.",
    remedy: "Give it as unix:///folder/csi.sock.",
  },
  KX_CSI_REGISTRATION: {
    meaning: "The kubelet refused a driver that was registered with it.",
    remedy: "Read what the kubelet says: most often NodeGetInfo failed, or another driver has the name.",
  },
  KX_CSI_LIVENESS: {
    meaning: "The health of a driver cannot be served.",
    remedy: "Choose another port, or 0 for any free one.",
  },
  KX_CSI_HOST: {
    meaning: "A host does not give a driver what it needs.",
    remedy: "Give the host what the message names.",
  },
  KX_CSI_STATE_IO: {
    meaning: "The driver's state on disk cannot be read or written.",
    remedy: "Read the message; check the folder's permissions and the free space of its disk.",
  },
  KX_CSI_STATE_LOCKED: {
    meaning: "Another process has the folder of the driver's state.",
    remedy: "Stop that process, or give each driver a folder of its own.",
  },
  KX_CSI_PROGRAM: {
    meaning: "A program that the driver runs (mkfs, losetup, cp ...) failed or is not there.",
    remedy: "Read what it wrote; install the package that the message names.",
  },
  KX_CSI_PROGRAM_HUNG: {
    meaning: "A program that the driver runs did not end in time.",
    remedy: "See what it waits for: most often a device or a server that does not answer.",
  },
  KX_CSI_MOUNT_TARGET: {
    meaning: "A volume cannot be mounted at a path: something else is there, or it is outside of the kubelet's folder.",
    remedy: "Unmount what is there if nobody uses it; give the driver the kubelet's real folder.",
  },
  KX_CSI_DEVICE: {
    meaning: "A path that should be a block device is none.",
    remedy: "Check that the device is attached and that the driver sees the node's /dev.",
  },
  KX_CSI_DEVICE_CONTENT: {
    meaning: "A device holds something else than was expected, and is not touched.",
    remedy: "Use the file system that is there, or wipe the device if nobody needs its content.",
  },
  KX_CSI_PART: {
    meaning: "A controller is asked for that there is not, or that the driver has no use for.",
    remedy: "Do as the message tells.",
  },
  KX_CSI_CLASS: {
    meaning: "A StorageClass, VolumeSnapshotClass or VolumeAttributesClass is missing, or cannot be used as it is.",
    remedy: "Correct what the message names; a class's parameters cannot be changed, so make it anew.",
  },
  KX_CSI_CLAIM: {
    meaning: "A claim asks for what cannot be provisioned.",
    remedy: "Make the claim anew without what the message names.",
  },
  KX_CSI_SOURCE: {
    meaning: "A volume cannot be filled with the content of the claim or snapshot that its claim names.",
    remedy: "If it is not ready yet, nothing: it is tried again. Else make the claim anew as the message says.",
  },
  KX_CSI_TOPOLOGY: {
    meaning: "No place is known where a volume could be made.",
    remedy: "See whether the driver runs on the nodes, and whether its topology's labels are on them.",
  },
  KX_CSI_NODE: {
    meaning:
      "The node chosen for a claim's first pod has not the driver, does not exist any more, or has not the source to be copied.",
    remedy: "Nothing: another node is asked for. If it stays, see whether the driver runs on the nodes.",
  },
  KX_CSI_ANSWER: {
    meaning: "A driver answered what CSI does not allow. This is a fault in the driver.",
    remedy: "Correct the driver; kx csi sanity finds such faults.",
  },
  KX_CSI_ATTACHMENT: {
    meaning: "A VolumeAttachment cannot be served as it is.",
    remedy: "See whether its volume exists, and whether the driver runs on its node.",
  },
  KX_CSI_SECRET: {
    meaning: "A secret that a class or a volume names cannot be read.",
    remedy: "Create the secret, or allow the controller to read it.",
  },
  KX_CSI_SECRET_TEMPLATE: {
    meaning: "The parameters of a class by which a secret is named are wrong.",
    remedy:
      "Correct the template; known are ${pv.name}, ${pvc.namespace}, and in names ${pvc.name} and ${pvc.annotations['key']}.",
  },
  KX_CSI_SNAPSHOT_GROUP: {
    meaning: "The claims of a group snapshot cannot be snapshotted together.",
    remedy: "Select bound claims whose volumes are all of the class's driver.",
  },
  KX_CSI_CRDS: {
    meaning: "A CRD that others installed does not serve the version that is needed.",
    remedy: "Upgrade that CRD, or leave out what needs it: of the snapshot controller, `groups: false`.",
  },
  KX_CSI_METADATA: {
    meaning: "The snapshot-metadata service of a driver cannot be served, or be found, as it is set up.",
    remedy: "Correct what the message names.",
  },
  KX_CSI_TESTING: {
    meaning: "A driver cannot be tested as asked: it does not answer, or the kit has no such case.",
    remedy: "Start the driver, and give its endpoint; the message names a case that is meant.",
  },
  KX_CSI_DOCTOR: {
    meaning: "The object that is asked about cannot be looked at: it does not exist, or is of another kind.",
    remedy: "Check kind, name and namespace; without an object, all that is stuck is told.",
  },
  KX_CSI_CONFORMANCE: {
    meaning: "A driver does not do what CSI asks for; the message says what. This is a fault in the driver.",
    remedy: "Correct the driver, or list the case with its reason under `exempt` or `knownGaps`.",
  },
} as const satisfies ErrorCatalogue;
