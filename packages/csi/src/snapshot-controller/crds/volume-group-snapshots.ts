import type { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { type Column, type CrdVersion, crdOf } from "../../crds/crd.ts";
import {
  type CrdSchema,
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
import { VolumeGroupSnapshot, VolumeGroupSnapshotClass, VolumeGroupSnapshotContent } from "../resources.ts";
import { deletionPolicy, errorSchema } from "./snapshot-schema.ts";

const approved = "https://github.com/kubernetes-csi/external-snapshotter/pull/1337";

/** The CRDs of `groupsnapshot.storage.k8s.io`, in the three versions that are served. v1beta2 is the stored one. */
export function volumeGroupSnapshotCrds(): readonly CustomResourceDefinition[] {
  return [groupClass(), groupContent(), groupSnapshot()];
}

/** Makes a schema's value unchangeable, in the versions that have it so. */
type Fixed = (schema: CrdSchema, message: string) => CrdSchema;

function versions(description: string, stable: (fixed: Fixed) => RootParts, beta1: RootParts): readonly CrdVersion[] {
  const of = ([properties, required]: RootParts) => root(description, properties, required);
  const schema = of(stable(immutable));
  return [
    { name: "v1", storage: false, schema },
    { name: "v1beta1", storage: false, deprecated: true, schema: of(beta1) },
    { name: "v1beta2", storage: true, schema },
  ];
}
type RootParts = readonly [Readonly<Record<string, CrdSchema>>, readonly string[]];

const changeable: Fixed = (schema) => schema;

function groupClass(): CustomResourceDefinition {
  return crdOf({
    resource: VolumeGroupSnapshotClass,
    shortNames: ["vgsclass", "vgsclasses"],
    approved,
    columns: [
      ["Driver", "string", ".driver"],
      ["DeletionPolicy", "string", ".deletionPolicy", "What happens to the snapshots when their object is deleted."],
    ],
    hasStatus: false,
    versions: versions("How group snapshots of a driver are made.", classParts, classParts(changeable)),
  });
}

function classParts(fixed: Fixed): RootParts {
  const parameters = {
    type: "object",
    additionalProperties: { type: "string" },
    description: "What the driver is told beside; its documentation says what there is.",
  };
  return [
    {
      deletionPolicy: fixed(deletionPolicy("the group snapshot"), "deletionPolicy is immutable once set"),
      driver: fixed(text("Name of the CSI driver."), "driver is immutable once set"),
      parameters: fixed(parameters, "parameters are immutable once set"),
    },
    ["deletionPolicy", "driver"],
  ];
}

const ready: Column = ["ReadyToUse", "boolean", ".status.readyToUse", "Whether volumes can be made of all snapshots."];

function groupSnapshot(): CustomResourceDefinition {
  return crdOf({
    resource: VolumeGroupSnapshot,
    shortNames: ["vgs"],
    approved,
    columns: [
      ready,
      ["VolumeGroupSnapshotClass", "string", ".spec.volumeGroupSnapshotClassName", "Its class."],
      [
        "VolumeGroupSnapshotContent",
        "string",
        ".status.boundVolumeGroupSnapshotContentName",
        "The content that it is bound to, if that refers to it as well.",
      ],
      ["CreationTime", "date", ".status.creationTime", "When the snapshots were taken."],
    ],
    hasStatus: true,
    versions: versions(
      "A user's wish for snapshots of volumes at one moment.",
      snapshotParts,
      snapshotParts(changeable),
    ),
  });
}

function snapshotParts(fixed: Fixed): RootParts {
  const status = fields(
    {
      boundVolumeGroupSnapshotContentName: fixed(
        text("The VolumeGroupSnapshotContent that it is bound to, if that refers to it as well."),
        "boundVolumeGroupSnapshotContentName is immutable once set",
      ),
      creationTime: time("When the snapshots were taken, as the driver says."),
      error: errorSchema,
      readyToUse: flag("Whether volumes can be made of all snapshots; absent where that is not known."),
    },
    { description: "What has become of it." },
  );
  return [{ spec: snapshotSpec, status }, ["spec"]];
}

const list = (items: CrdSchema, description: string, extra: CrdSchema = {}): CrdSchema => ({
  type: "array",
  items,
  description,
  ...extra,
});
const atomicList: CrdSchema = { "x-kubernetes-list-type": "atomic" };

const selector = fields(
  {
    matchExpressions: list(
      fields(
        {
          key: text("Key of a label."),
          operator: text("In, NotIn, Exists or DoesNotExist."),
          values: list({ type: "string" }, "The values of In and NotIn.", atomicList),
        },
        { required: ["key", "operator"] },
      ),
      "What the labels must fulfil, each of it.",
      atomicList,
    ),
    matchLabels: {
      type: "object",
      additionalProperties: { type: "string" },
      description: "Labels that there must be.",
    },
  },
  { description: "The claims, in the same namespace, whose volumes are meant.", "x-kubernetes-map-type": "atomic" },
);

const snapshotSpec = fields(
  {
    source: ruled(
      fields(
        {
          selector: immutable(selector, "selector is immutable"),
          volumeGroupSnapshotContentName: immutable(
            text("The VolumeGroupSnapshotContent of snapshots that exist already."),
            "volumeGroupSnapshotContentName is immutable",
          ),
        },
        { description: "Claims, or a content that was there before. Cannot be changed." },
      ),
      ...eitherOf("selector", "volumeGroupSnapshotContentName"),
    ),
    volumeGroupSnapshotClassName: ruled(text("Its VolumeGroupSnapshotClass. Default: the driver's default class."), {
      message: "volumeGroupSnapshotClassName must not be the empty string when set",
      rule: "size(self) > 0",
    }),
  },
  { description: "What is wanted.", required: ["source"] },
);

function groupContent(): CustomResourceDefinition {
  const description = "Snapshots of a group on their storage.";
  return crdOf({
    resource: VolumeGroupSnapshotContent,
    shortNames: ["vgsc", "vgscs"],
    approved,
    columns: [
      ready,
      ["DeletionPolicy", "string", ".spec.deletionPolicy", "What happens to them when their object is deleted."],
      ["Driver", "string", ".spec.driver", "Name of the CSI driver."],
      ["VolumeGroupSnapshotClass", "string", ".spec.volumeGroupSnapshotClassName", "The class that they were made by."],
      [
        "VolumeGroupSnapshotNamespace",
        "string",
        ".spec.volumeGroupSnapshotRef.namespace",
        "Namespace of the VolumeGroupSnapshot that it is bound to.",
      ],
      [
        "VolumeGroupSnapshot",
        "string",
        ".spec.volumeGroupSnapshotRef.name",
        "Name of the VolumeGroupSnapshot that it is bound to.",
      ],
    ],
    hasStatus: true,
    versions: versions(
      description,
      (fixed) => [
        {
          spec: contentSpec(fixed, ruled(contentRef, ...fixedRef)),
          status: contentStatus(fixed, { volumeSnapshotInfoList: list(snapshotInfo, "Each snapshot of the group.") }),
        },
        ["spec"],
      ],
      [
        {
          spec: contentSpec(changeable, contentRef),
          status: contentStatus(changeable, {
            volumeSnapshotHandlePairList: list(handlePair, "Each snapshot of the group, with its volume."),
          }),
        },
        ["spec"],
      ],
    ),
  });
}

const contentRef = objectReference(
  "The VolumeGroupSnapshot that it is bound to, or without a UID reserved for.",
  "volumeGroupSnapshotRef",
);
const fixedRef = [
  {
    message: "volumeGroupSnapshotRef.name and volumeGroupSnapshotRef.namespace are immutable",
    rule: "self.name == oldSelf.name && self.__namespace__ == oldSelf.__namespace__",
  },
  {
    message: "volumeGroupSnapshotRef.uid is immutable once set",
    rule: "!has(oldSelf.uid) || (has(self.uid) && self.uid == oldSelf.uid)",
  },
];

function contentSpec(fixed: Fixed, volumeGroupSnapshotRef: CrdSchema): CrdSchema {
  return fields(
    {
      deletionPolicy: deletionPolicy("the group snapshot"),
      driver: fixed(text("Name of the CSI driver, as GetPluginInfo tells it."), "driver is immutable once set"),
      source: contentSource,
      volumeGroupSnapshotClassName: fixed(
        text("The class that they were made by, which may have gone since."),
        "volumeGroupSnapshotClassName is immutable once set",
      ),
      volumeGroupSnapshotRef,
    },
    { description: "What they are.", required: ["deletionPolicy", "driver", "source", "volumeGroupSnapshotRef"] },
  );
}

const contentSource = ruled(
  fields(
    {
      groupSnapshotHandles: immutable(
        fields(
          {
            volumeGroupSnapshotHandle: text("CSI id of the group snapshot."),
            volumeSnapshotHandles: list({ type: "string" }, "CSI ids of its snapshots."),
          },
          {
            description: "A group snapshot that exists already.",
            required: ["volumeGroupSnapshotHandle", "volumeSnapshotHandles"],
          },
        ),
        "groupSnapshotHandles is immutable",
      ),
      volumeHandles: immutable(
        list({ type: "string" }, "CSI ids of the volumes that snapshots are to be taken of."),
        "volumeHandles is immutable",
      ),
    },
    { description: "Volumes, or a group snapshot that exists already. Cannot be changed." },
  ),
  ...eitherOf("volumeHandles", "groupSnapshotHandles"),
);

function contentStatus(fixed: Fixed, members: Readonly<Record<string, CrdSchema>>): CrdSchema {
  return fields(
    {
      creationTime: time("When they were taken, as the driver says."),
      error: errorSchema,
      readyToUse: flag("Whether volumes can be made of all snapshots; absent where that is not known."),
      volumeGroupSnapshotHandle: fixed(
        text("CSI id of the group snapshot; absent until it is taken."),
        "volumeGroupSnapshotHandle is immutable once set",
      ),
      ...members,
    },
    { description: "What the driver says of them." },
  );
}

const snapshotInfo = fields({
  creationTime: int64("When it was taken, in nanoseconds since 1970."),
  readyToUse: flag("Whether a volume can be made of it."),
  restoreSize: int64("Its whole size in bytes."),
  snapshotHandle: text("CSI id of the snapshot."),
  volumeHandle: text("CSI id of the volume that it is of."),
});

const handlePair = fields(
  {
    snapshotHandle: text("CSI id of the snapshot."),
    volumeHandle: text("CSI id of the volume that it is of."),
  },
  { required: ["snapshotHandle", "volumeHandle"] },
);
