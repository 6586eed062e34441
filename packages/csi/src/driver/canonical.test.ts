import { create } from "@bufbuild/protobuf";
import { AccessMode, CreateVolumeRequestSchema, NodePublishVolumeRequestSchema } from "@kx/core/contracts/csi";
import { expect, it } from "vitest";
import { canonical, digest, withoutSecretsJson } from "./canonical.ts";

const mount = { case: "mount" as const, value: { fsType: "ext4", mountFlags: ["password=s3cret"] } };
const volumeCapability = { accessType: mount, accessMode: { mode: AccessMode.SINGLE_NODE_WRITER } };

it("keeps no secrets, tokens and mount flags, and every parameter, whatever it is called", () => {
  const volume = create(CreateVolumeRequestSchema, {
    name: "a",
    secrets: { key: "s3cret" },
    volumeCapabilities: [volumeCapability],
    parameters: { secrets: "in a vault", mountFlags: "ro" },
    capacityRange: { requiredBytes: 2n ** 60n },
  });
  const capability = { mount: { fsType: "ext4" }, accessMode: { mode: "SINGLE_NODE_WRITER" } };
  expect(withoutSecretsJson(CreateVolumeRequestSchema, volume)).toEqual({
    name: "a",
    volumeCapabilities: [capability],
    parameters: { secrets: "in a vault", mountFlags: "ro" },
    capacityRange: { requiredBytes: String(2n ** 60n) },
  });
  const publish = create(NodePublishVolumeRequestSchema, {
    volumeId: "v",
    volumeCapability,
    volumeContext: {
      kind: "disk",
      "csi.storage.k8s.io/serviceAccount.tokens": "{s3cret}",
      "csi.storage.k8s.io/pod.name": "web",
      "csi.storage.k8s.io/ephemeral": "true",
    },
  });
  expect(withoutSecretsJson(NodePublishVolumeRequestSchema, publish)).toEqual({
    volumeId: "v",
    volumeCapability: capability,
    volumeContext: { kind: "disk", "csi.storage.k8s.io/ephemeral": "true" },
  });
});

it("writes the same text and digest in any order of keys", () => {
  expect(canonical({ b: [{ d: 1, c: null }], a: "x" })).toBe('{"a":"x","b":[{"c":null,"d":1}]}');
  expect(digest({ a: "1", b: "2" })).toBe(digest({ b: "2", a: "1" }));
  expect(digest({ a: "1", b: "2" })).not.toBe(digest({ a: "2", b: "1" }));
  expect(digest({})).toMatch(/^[0-9a-f]{64}$/);
});
