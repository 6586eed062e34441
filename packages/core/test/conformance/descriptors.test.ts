// Our protocols against the descriptors that the published Go packages carry: a peer must not be able to tell them apart.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { create, createFileRegistry, type DescFile, type FileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import * as cri from "@kx/core/contracts/cri";
import * as csi from "@kx/core/contracts/csi";
import * as devicePlugin from "@kx/core/contracts/device-plugin";
import * as dra from "@kx/core/contracts/dra";
import * as grpcHealth from "@kx/core/contracts/grpc-health";
import * as pluginRegistration from "@kx/core/contracts/plugin-registration";
import * as podResources from "@kx/core/contracts/pod-resources";
import * as pods from "@kx/core/contracts/pods";
import * as snapshotMetadata from "@kx/core/contracts/snapshot-metadata";
import { beforeAll, describe, expect, test } from "vitest";
import { goEnvironment, goProgram } from "../support/go-program.ts";
import { compareFacts, countsOf } from "./support/compare.ts";
import { type Facts, factsOf } from "./support/facts.ts";

interface Contract {
  readonly name: string;
  /** The file as upstream's packages register it. */
  readonly path: string;
  readonly ours: DescFile;
  readonly methods: number;
}

const kubelet = "staging/src/k8s.io/kubelet/pkg/apis";
const contracts: readonly Contract[] = [
  { name: "CSI 1.13.0", path: "csi.proto", ours: csi.Controller.file, methods: 36 },
  {
    name: "snapshot metadata 1.1.0",
    path: "schema.proto",
    ours: snapshotMetadata.SnapshotMetadata.file,
    methods: 2,
  },
  { name: "gRPC health v1", path: "grpc/health/v1/health.proto", ours: grpcHealth.Health.file, methods: 3 },
  {
    name: "CRI v1",
    path: "staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto",
    ours: cri.RuntimeService.file,
    methods: 43,
  },
  {
    name: "device plugin v1beta1",
    path: `${kubelet}/deviceplugin/v1beta1/api.proto`,
    ours: devicePlugin.DevicePlugin.file,
    methods: 6,
  },
  {
    name: "plugin registration v1",
    path: `${kubelet}/pluginregistration/v1/api.proto`,
    ours: pluginRegistration.Registration.file,
    methods: 2,
  },
  {
    name: "pod resources v1",
    path: `${kubelet}/podresources/v1/api.proto`,
    ours: podResources.PodResourcesLister.file,
    methods: 3,
  },
  { name: "pods v1alpha1", path: `${kubelet}/pods/v1alpha1/api.proto`, ours: pods.Pods.file, methods: 3 },
  { name: "DRA v1", path: `${kubelet}/dra/v1/api.proto`, ours: dra.DRAPlugin.file, methods: 2 },
  { name: "DRA v1beta1", path: `${kubelet}/dra/v1beta1/api.proto`, ours: dra.DRAPluginV1Beta1.file, methods: 2 },
  { name: "DRA health v1", path: `${kubelet}/dra-health/v1/api.proto`, ours: dra.DRAResourceHealth.file, methods: 1 },
  {
    name: "DRA health v1alpha1",
    path: `${kubelet}/dra-health/v1alpha1/api.proto`,
    ours: dra.DRAResourceHealthV1Alpha1.file,
    methods: 1,
  },
];

const env = goEnvironment();
if (env === undefined) {
  const told = "the contracts are not compared with upstream's descriptors: there is no Go to build them with";
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
}

describe.skipIf(env === undefined)("descriptors", () => {
  let published: FileDescriptorSet;
  let registry: FileRegistry;

  // Ten minutes: the first build compiles grpc-go.
  beforeAll(() => {
    const program = goProgram("descriptors", join(import.meta.dirname, "descriptors"), env ?? {});
    published = fromBinary(FileDescriptorSetSchema, execFileSync(program, { maxBuffer: 1 << 24 }));
    registry = createFileRegistry(published);
  }, 600_000);

  test.each(contracts)("$name is what upstream publishes", ({ name, path, ours, methods }) => {
    const upstream = upstreamFacts(registry, path);
    const mine = factsOf(ours);
    const difference = compareFacts(upstream, mine);

    const counts = Object.entries(countsOf(upstream)).map(([sort, count]) => `${count} ${sort}`);
    console.log(`${name}: compared ${counts.join(", ")}; upstream's alone or other: ${print(difference.upstream)}`);
    console.log(`${name}: ours alone: ${print(difference.ours)}`);
    expect(difference).toEqual({ upstream: [], ours: [] });
    expect(countsOf(mine)).toEqual(countsOf(upstream));
    expect(countsOf(upstream)).toMatchObject({ method: methods });
  });

  test.each(contracts)("$name: a planted difference is reported, alone", ({ path, ours }) => {
    const field = firstField(published, path);
    const number = field.number;
    try {
      field.number = 9999;
      const planted = compareFacts(upstreamFacts(createFileRegistry(published), path), factsOf(ours));
      expect(planted.upstream).toHaveLength(1);
      expect(planted.upstream[0]).toContain(`.${field.name}: number 9999 `);
      expect(planted.ours).toEqual([]);
    } finally {
      field.number = number;
    }
  });

  const plants: readonly (readonly [
    what: string,
    plant: (csi: FileDescriptorProto) => void,
    upstream: string[],
    ours: string[],
  ])[] = [
    [
      "another type of a field",
      (file) => (of(of(file.messageType, "CreateVolumeRequest").field, "name").type = FieldDescriptorProto_Type.BYTES),
      ["field csi.v1.CreateVolumeRequest.name"],
      [],
    ],
    [
      "another name of a field",
      (file) => (of(of(file.messageType, "CreateVolumeRequest").field, "name").name = "title"),
      ["field csi.v1.CreateVolumeRequest.title"],
      ["field csi.v1.CreateVolumeRequest.name"],
    ],
    [
      "another number of an enum's value",
      (file) => (of(of(file.enumType, "VolumeHealthErrorType").value, "DATA_LOSS").number = 99),
      ["value csi.v1.VolumeHealthErrorType.DATA_LOSS"],
      [],
    ],
    [
      "a message more",
      (file) => void file.messageType.push(create(DescriptorProtoSchema, { name: "Extra" })),
      ["message csi.v1.Extra"],
      [],
    ],
    [
      "a method that streams",
      (file) => (of(of(file.service, "Identity").method, "Probe").serverStreaming = true),
      ["method csi.v1.Identity/Probe"],
      [],
    ],
    [
      "another name of a service",
      (file) => (of(file.service, "SnapshotMetadata").name = "Other"),
      ["service csi.v1.Other", "method csi.v1.Other/GetMetadataAllocated", "method csi.v1.Other/GetMetadataDelta"],
      [
        "service csi.v1.SnapshotMetadata",
        "method csi.v1.SnapshotMetadata/GetMetadataAllocated",
        "method csi.v1.SnapshotMetadata/GetMetadataDelta",
      ],
    ],
  ];

  test.each(plants)("%s is reported, alone", (_what, plant, upstream, ours) => {
    const changed = fromBinary(FileDescriptorSetSchema, toBinary(FileDescriptorSetSchema, published));
    plant(of(changed.file, "csi.proto"));
    const planted = compareFacts(upstreamFacts(createFileRegistry(changed), "csi.proto"), factsOf(csi.Controller.file));
    expect(planted.upstream.map((text) => text.slice(0, text.indexOf(": ")))).toEqual(upstream);
    expect(planted.ours).toEqual(ours);
  });

  test("an option that only upstream sets is reported", () => {
    const without = fromBinary(FileDescriptorSetSchema, toBinary(FileDescriptorSetSchema, published));
    const secrets = without.file
      .find(({ name }) => name === "csi.proto")
      ?.messageType.find(({ name }) => name === "NodeStageVolumeRequest")
      ?.field.find(({ name }) => name === "secrets");
    expect(secrets?.options).toBeDefined();
    delete secrets?.options;
    const unmarked = upstreamFacts(createFileRegistry(without), "csi.proto");
    const { upstream } = compareFacts(factsOf(csi.Controller.file), unmarked);
    expect(upstream.map((text) => text.slice(0, text.indexOf(":")))).toEqual([
      "field csi.v1.NodeStageVolumeRequest.secrets",
    ]);
  });

  test("an element that upstream lacks is reported as ours alone", () => {
    const ours = factsOf(csi.Controller.file);
    const fewer = new Map([...ours].filter(([name]) => name !== "method csi.v1.Node/NodeGetInfo"));
    expect(compareFacts(fewer, ours)).toEqual({ upstream: [], ours: ["method csi.v1.Node/NodeGetInfo"] });
  });
});

function upstreamFacts(registry: FileRegistry, path: string): Facts {
  const file = [...registry.files].find(({ proto }) => proto.name === path);
  if (file === undefined) throw new Error(`upstream registers no file ${path}`);
  return factsOf(file);
}

function firstField(set: FileDescriptorSet, path: string): { name: string; number: number } {
  const field = set.file.find(({ name }) => name === path)?.messageType.find(({ field: [first] }) => first)?.field[0];
  if (field === undefined) throw new Error(`${path} has no field`);
  return field;
}

function of<T extends { readonly name: string }>(items: readonly T[], name: string): T {
  const found = items.find((item) => item.name === name);
  if (found === undefined) throw new Error(`there is no ${name} among ${items.map((item) => item.name).join()}`);
  return found;
}

function print(names: readonly string[]): string {
  return names.length === 0 ? "none" : `\n  ${names.join("\n  ")}`;
}
