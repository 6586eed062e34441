import {
  create,
  type DescFile,
  type DescMessage,
  equals,
  fromBinary,
  fromJson,
  getOption,
  ScalarType,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, expectTypeOf, it, test } from "vitest";
import { fuzzSeed, randomOf } from "../../test/support/random.ts";
import { randomMessage } from "../../test/support/random-message.ts";
import * as cri from "./cri/index.ts";
import * as csi from "./csi/index.ts";
import * as devicePlugin from "./device-plugin/index.ts";
import * as dra from "./dra/index.ts";
import * as grpcHealth from "./grpc-health/index.ts";
import * as pluginRegistration from "./plugin-registration/index.ts";
import * as podResources from "./pod-resources/index.ts";
import * as pods from "./pods/index.ts";
import * as snapshotMetadata from "./snapshot-metadata/index.ts";

const files: readonly (readonly [string, DescFile])[] = [
  ["CSI", csi.Controller.file],
  ["snapshot metadata", snapshotMetadata.SnapshotMetadata.file],
  ["gRPC health", grpcHealth.Health.file],
  ["CRI", cri.RuntimeService.file],
  ["device plugin", devicePlugin.DevicePlugin.file],
  ["plugin registration", pluginRegistration.Registration.file],
  ["pod resources", podResources.PodResourcesLister.file],
  ["pods", pods.Pods.file],
  ["DRA v1", dra.DRAPlugin.file],
  ["DRA v1beta1", dra.DRAPluginV1Beta1.file],
  ["DRA health v1", dra.DRAResourceHealth.file],
  ["DRA health v1alpha1", dra.DRAResourceHealthV1Alpha1.file],
];

function messagesOf(holder: DescFile | DescMessage): readonly DescMessage[] {
  const own = holder.kind === "file" ? holder.messages : holder.nestedMessages;
  return own.flatMap((message) => [message, ...messagesOf(message)]);
}

const seed = fuzzSeed();
console.log(`fuzzing with KX_FUZZ_SEED=${seed}`);

describe.each(files)("%s", (_name, file) => {
  const messages = messagesOf(file);

  it("carries every message there and back, in both forms", () => {
    const random = randomOf(seed);
    for (const schema of messages) {
      for (let round = 0; round < 5; round++) {
        const message = randomMessage(schema, random);
        const decoded = fromBinary(schema, toBinary(schema, message));
        expect(equals(schema, decoded, message), `${schema.typeName}, seed ${seed}`).toBe(true);
        expect(equals(schema, fromJson(schema, toJson(schema, message)), message), schema.typeName).toBe(true);
      }
    }
  });

  it("keeps fields that it does not know", () => {
    const unknown = new BinaryWriter().tag(60_000, WireType.LengthDelimited).string("from the future").finish();
    for (const schema of messages) {
      const decoded = fromBinary(schema, unknown);
      expect(toBinary(schema, decoded), schema.typeName).toEqual(unknown);
    }
  });

  it("has 64-bit numbers as bigint", () => {
    const longs = [ScalarType.INT64, ScalarType.UINT64];
    for (const schema of messages) {
      const message = reflect(schema, create(schema));
      for (const field of schema.fields) {
        if (field.fieldKind !== "scalar" || !longs.includes(field.scalar)) continue;
        expect(typeof message.get(field), `${schema.typeName}.${field.name}`).toBe("bigint");
        message.set(field, 2n ** 63n - 1n);
        const decoded = fromBinary(schema, toBinary(schema, message.message));
        expect(reflect(schema, decoded).get(field)).toBe(2n ** 63n - 1n);
      }
    }
  });

  it("refuses or takes spoiled bytes, and does nothing else", () => {
    const random = randomOf(seed);
    const counts = { taken: 0, refused: 0 };
    for (const schema of messages) {
      for (let round = 0; round < 10; round++) {
        const bytes = toBinary(schema, randomMessage(schema, random));
        const spoiled = bytes.slice(0, bytes.length - random(4));
        for (let flips = random(4); flips > 0 && spoiled.length > 0; flips--) {
          spoiled[random(spoiled.length)] = random(256);
        }
        try {
          toBinary(schema, fromBinary(schema, spoiled));
          counts.taken++;
        } catch (error) {
          expect(error, `${schema.typeName}, seed ${seed}`).toBeInstanceOf(Error);
          counts.refused++;
        }
      }
    }
    expect(counts.taken + counts.refused).toBe(messages.length * 10);
    expect(counts.taken).toBeGreaterThan(0);
  });
});

describe("CSI's descriptors", () => {
  const fields = messagesOf(csi.Controller.file).flatMap(({ fields: own }) => own);

  it("tell which fields hold secrets", () => {
    const secret = fields.filter((field) => getOption(field, csi.csiSecret));
    expect(new Set(secret.map(({ name }) => name))).toEqual(new Set(["secrets"]));
    expect(fields.filter(({ name }) => name === "secrets").every((field) => getOption(field, csi.csiSecret))).toBe(
      true,
    );
  });

  it("tell what is experimental", () => {
    expect(getOption(csi.SnapshotMetadata, csi.alphaService)).toBe(true);
    expect(getOption(csi.Controller.method.getSnapshot, csi.alphaMethod)).toBe(true);
    expect(getOption(csi.Controller.method.createVolume, csi.alphaMethod)).toBe(false);
  });
});

test("results are plain objects under short names", () => {
  const result: csi.CreateVolumeResult = { volume: { volumeId: "v", capacityBytes: 1n } };
  expect(create(csi.Controller.method.createVolume.output, result).volume?.capacityBytes).toBe(1n);
  expectTypeOf<csi.CreateVolumeRequest["volumeCapabilities"]>().toEqualTypeOf<csi.VolumeCapability[]>();
  expectTypeOf<csi.Volume["capacityBytes"]>().toEqualTypeOf<bigint>();
  expectTypeOf(csi.AccessMode.SINGLE_NODE_WRITER).toExtend<csi.AccessMode>();
  expectTypeOf<{ volume: { capacityBytes: number } }>().not.toExtend<csi.CreateVolumeResult>();
  expectTypeOf<dra.NodePrepareResourcesResult["claims"]>().not.toBeAny();
  expectTypeOf<pods.WatchPodsEvent["pod"]>().toEqualTypeOf<Uint8Array>();
  expect(csi.AccessMode.SINGLE_NODE_WRITER).toBe(1);
});
