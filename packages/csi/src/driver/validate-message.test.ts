import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AccessMode,
  Controller,
  CreateVolumeRequestSchema,
  GroupController,
  Identity,
  ListVolumesRequestSchema,
  Node,
  NodePublishVolumeRequestSchema,
  SnapshotMetadata,
} from "@kx/core/contracts/csi";
import { describe, expect, it } from "vitest";
import { requiredFields } from "./field-rules.ts";
import { problemOf } from "./validate-message.ts";

const mode = AccessMode.SINGLE_NODE_WRITER;
const mount = (value: { mountFlags?: string[] } = {}) =>
  ({ accessType: { case: "mount", value }, accessMode: { mode } }) as const;
const volume = { name: "a", volumeCapabilities: [mount()] };
const publish = { volumeId: "v", targetPath: "/t", volumeCapability: mount() };

function problem<Desc extends DescMessage>(type: Desc, init: MessageInitShape<Desc>): string | undefined {
  return problemOf(type, create(type, init));
}

describe("problemOf", () => {
  it.each<[string | undefined, MessageInitShape<typeof CreateVolumeRequestSchema>]>([
    [undefined, volume],
    [undefined, { ...volume, name: "tab\tand newline\nand ü" }],
    [undefined, { ...volume, secrets: { "tls.key": "k".repeat(10_000) } }],
    ["name is missing", { volumeCapabilities: [mount()] }],
    ["volume_capabilities is missing", { name: "a" }],
    ["volume_capabilities[0].access_type is missing", { name: "a", volumeCapabilities: [{ accessMode: { mode } }] }],
    [
      "volume_capabilities[0].access_mode is missing",
      { name: "a", volumeCapabilities: [{ accessType: mount().accessType }] },
    ],
    [
      "volume_capabilities[1].access_mode.mode has the unknown value 42",
      {
        name: "a",
        volumeCapabilities: [mount(), { accessType: mount().accessType, accessMode: { mode: 42 as AccessMode } }],
      },
    ],
    [
      "volume_capabilities[0].mount.mount_flags has 5000 bytes, 4096 are allowed",
      { name: "a", volumeCapabilities: [mount({ mountFlags: ["f".repeat(5000)] })] },
    ],
    ["name has 129 bytes, 128 are allowed", { ...volume, name: "x".repeat(129) }],
    ["name has 130 bytes, 128 are allowed", { ...volume, name: "ü".repeat(65) }],
    ["name has control characters", { ...volume, name: "a\u0000" }],
    ["name has control characters", { ...volume, name: "a\u009f" }],
    ["parameters has 4097 bytes, 4096 are allowed", { ...volume, parameters: { k: "v".repeat(4096) } }],
    ["secrets has a key of other characters than letters, digits and - _ .", { ...volume, secrets: { "a b": "" } }],
    ["capacity_range.required_bytes is negative", { ...volume, capacityRange: { requiredBytes: -1n } }],
    ["volume_content_source.type is missing", { ...volume, volumeContentSource: {} }],
    [
      "volume_content_source.snapshot.snapshot_id is missing",
      { ...volume, volumeContentSource: { type: { case: "snapshot", value: {} } } },
    ],
  ])("says %s", (expected, init) => {
    expect(problem(CreateVolumeRequestSchema, init)).toBe(expected);
  });

  it.each<[string | undefined, MessageInitShape<typeof NodePublishVolumeRequestSchema>]>([
    [undefined, { ...publish, targetPath: `/${"p".repeat(4000)}` }],
    [undefined, { ...publish, volumeContext: { "csi.storage.k8s.io/serviceAccount.tokens": "t".repeat(9000) } }],
    ["target_path has 5001 bytes, 4096 are allowed", { ...publish, targetPath: `/${"p".repeat(5000)}` }],
    ["target_path is no absolute path", { ...publish, targetPath: "t" }],
    ["target_path has a step upwards", { ...publish, targetPath: "/a/../b" }],
    ["staging_target_path is no absolute path", { ...publish, stagingTargetPath: "s" }],
    ["volume_context has 5001 bytes, 4096 are allowed", { ...publish, volumeContext: { k: "v".repeat(5000) } }],
  ])("says of paths and contexts: %s", (expected, init) => {
    expect(problem(NodePublishVolumeRequestSchema, init)).toBe(expected);
  });

  it("refuses a negative number of entries", () => {
    expect(problem(ListVolumesRequestSchema, { maxEntries: -1 })).toBe("max_entries is negative");
  });

  it("knows only messages and fields that there are", () => {
    const reached = new Map<string, DescMessage>();
    const reach = (type: DescMessage): void => {
      if (reached.has(type.typeName)) return;
      reached.set(type.typeName, type);
      for (const field of type.fields) if (field.message !== undefined) reach(field.message);
    };
    for (const { methods } of [Identity, Controller, GroupController, SnapshotMetadata, Node]) {
      for (const { input, output } of methods) for (const type of [input, output]) reach(type);
    }
    for (const [name, fields] of Object.entries(requiredFields)) {
      const members = reached.get(name)?.members.map((member) => member.name);
      for (const field of fields) expect(members, name).toContain(field);
    }
  });
});
