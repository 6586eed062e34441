import type { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { crdOf } from "../../crds/crd.ts";
import {
  eitherOf,
  fields,
  flag,
  immutable,
  int64,
  objectReference,
  root,
  ruled,
  text,
  time,
} from "../../crds/schema.ts";
import { VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent } from "../resources.ts";
import { deletionPolicy, errorSchema } from "./snapshot-schema.ts";

const approval = "https://github.com/kubernetes-csi/external-snapshotter/pull";

/** The CRDs of `snapshot.storage.k8s.io`. */
export function volumeSnapshotCrds(): readonly CustomResourceDefinition[] {
  return [snapshotClass(), snapshotContent(), snapshot()];
}

function snapshotClass(): CustomResourceDefinition {
  const schema = root(
    "How snapshots of a driver are made. A VolumeSnapshot names its class, or gets the default one.",
    {
      deletionPolicy: deletionPolicy("the snapshot"),
      driver: text("Name of the CSI driver."),
      parameters: {
        type: "object",
        additionalProperties: { type: "string" },
        description: "What the driver is told beside; its documentation says what there is.",
      },
    },
    ["deletionPolicy", "driver"],
  );
  return crdOf({
    resource: VolumeSnapshotClass,
    shortNames: ["vsclass", "vsclasses"],
    approved: `${approval}/814`,
    columns: [
      ["Driver", "string", ".driver"],
      [
        "DeletionPolicy",
        "string",
        ".deletionPolicy",
        "What happens to the snapshot when its VolumeSnapshot is deleted.",
      ],
    ],
    hasStatus: false,
    versions: [{ name: "v1", storage: true, schema }],
  });
}

function snapshot(): CustomResourceDefinition {
  return crdOf({
    resource: VolumeSnapshot,
    shortNames: ["vs"],
    approved: `${approval}/814`,
    columns: [
      ["ReadyToUse", "boolean", ".status.readyToUse", "Whether a volume can be made of it."],
      ["SourcePVC", "string", ".spec.source.persistentVolumeClaimName", "The claim that it is taken of."],
      ["SourceSnapshotContent", "string", ".spec.source.volumeSnapshotContentName", "The content that existed before."],
      ["RestoreSize", "string", ".status.restoreSize", "The least size of a volume made of it."],
      ["SnapshotClass", "string", ".spec.volumeSnapshotClassName", "Its class."],
      [
        "SnapshotContent",
        "string",
        ".status.boundVolumeSnapshotContentName",
        "The content that it is bound to, if that refers to it as well.",
      ],
      ["CreationTime", "date", ".status.creationTime", "When it was taken."],
    ],
    hasStatus: true,
    versions: [
      {
        name: "v1",
        storage: true,
        schema: root("A user's wish for a snapshot of a volume.", { spec: snapshotSpec, status: snapshotStatus }, [
          "spec",
        ]),
      },
    ],
  });
}

const snapshotSpec = fields(
  {
    source: ruled(
      fields(
        {
          persistentVolumeClaimName: immutable(
            text("The claim, in the same namespace, whose volume a snapshot is to be taken of."),
            "persistentVolumeClaimName is immutable",
          ),
          volumeSnapshotContentName: immutable(
            text("The VolumeSnapshotContent of a snapshot that exists already."),
            "volumeSnapshotContentName is immutable",
          ),
        },
        { description: "What it is a snapshot of: a claim, or a content that was there before. Cannot be changed." },
      ),
      ...eitherOf("persistentVolumeClaimName", "volumeSnapshotContentName"),
    ),
    volumeSnapshotClassName: ruled(
      text("Its VolumeSnapshotClass. Default: the default class of the volume's driver."),
      {
        message: "volumeSnapshotClassName must not be the empty string when set",
        rule: "size(self) > 0",
      },
    ),
  },
  { description: "What is wanted.", required: ["source"] },
);

const quantityPattern =
  "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$";

const snapshotStatus = fields(
  {
    boundVolumeSnapshotContentName: text(
      "The VolumeSnapshotContent that it is bound to. The binding holds only if that content refers to it as well.",
    ),
    creationTime: time("When the snapshot was taken, as the driver says."),
    error: errorSchema,
    readyToUse: flag("Whether a volume can be made of it; absent where that is not known."),
    restoreSize: text("The least size of a volume made of it; absent where that is not known.", {
      pattern: quantityPattern,
      "x-kubernetes-int-or-string": true,
    }),
    volumeGroupSnapshotName: text("The VolumeGroupSnapshot that it belongs to."),
  },
  { description: "What has become of it. Before use, check that the bound content refers to this snapshot as well." },
);

function snapshotContent(): CustomResourceDefinition {
  return crdOf({
    resource: VolumeSnapshotContent,
    shortNames: ["vsc", "vscs"],
    approved: `${approval}/955`,
    columns: [
      ["ReadyToUse", "boolean", ".status.readyToUse", "Whether a volume can be made of it."],
      ["RestoreSize", "integer", ".status.restoreSize", "Its whole size in bytes."],
      ["DeletionPolicy", "string", ".spec.deletionPolicy", "What happens to it when its VolumeSnapshot is deleted."],
      ["Driver", "string", ".spec.driver", "Name of the CSI driver."],
      ["VolumeSnapshotClass", "string", ".spec.volumeSnapshotClassName", "The class that it was made by."],
      ["VolumeSnapshot", "string", ".spec.volumeSnapshotRef.name", "Name of the VolumeSnapshot that it is bound to."],
      [
        "VolumeSnapshotNamespace",
        "string",
        ".spec.volumeSnapshotRef.namespace",
        "Namespace of the VolumeSnapshot that it is bound to.",
      ],
    ],
    hasStatus: true,
    versions: [
      {
        name: "v1",
        storage: true,
        schema: root("A snapshot on its storage.", { spec: contentSpec, status: contentStatus }, ["spec"]),
      },
    ],
  });
}

const contentSpec = ruled(
  fields(
    {
      deletionPolicy: deletionPolicy("the snapshot"),
      driver: text("Name of the CSI driver, as GetPluginInfo tells it."),
      source: ruled(
        fields(
          {
            snapshotHandle: immutable(text("CSI id of a snapshot that exists already."), "snapshotHandle is immutable"),
            volumeHandle: immutable(
              text("CSI id of the volume that a snapshot is to be taken of."),
              "volumeHandle is immutable",
            ),
          },
          { description: "A volume, or a snapshot that exists already. Cannot be changed." },
        ),
        ...eitherOf("volumeHandle", "snapshotHandle"),
      ),
      sourceVolumeMode: immutable(
        text('Mode of the volume that the snapshot is of, "Filesystem" or "Block"; absent where that is not known.'),
        "sourceVolumeMode is immutable",
      ),
      volumeSnapshotClassName: text("The class that it was made by, which may have changed or gone since."),
      volumeSnapshotRef: objectReference(
        "The VolumeSnapshot that it is bound to, or without a UID reserved for.",
        "spec.volumeSnapshotRef",
      ),
    },
    { description: "What it is.", required: ["deletionPolicy", "driver", "source", "volumeSnapshotRef"] },
  ),
  {
    message: "sourceVolumeMode is required once set",
    rule: "!has(oldSelf.sourceVolumeMode) || has(self.sourceVolumeMode)",
  },
);

const contentStatus = fields(
  {
    creationTime: int64("When it was taken, in nanoseconds since 1970, as the driver says."),
    error: errorSchema,
    readyToUse: flag("Whether a volume can be made of it; absent where that is not known."),
    restoreSize: int64("Its whole size in bytes; absent where that is not known.", { minimum: 0 }),
    snapshotHandle: text("CSI id of the snapshot; absent until it is taken."),
    volumeGroupSnapshotHandle: text("CSI id of the group snapshot that it belongs to."),
  },
  { description: "What the driver says of it." },
);
