import { create } from "@bufbuild/protobuf";
import { AccessMode, ControllerCapability, VolumeSchema } from "@kx/core/contracts/csi";
import { describe, expect, it } from "vitest";
import type { Claim } from "./plan-claim.ts";
import { problemOfAnswer, volumeObject } from "./volume-object.ts";
import { planVolume, requestOf, type VolumeFacts } from "./volume-request.ts";

const claim: Claim = {
  metadata: { name: "data", namespace: "shop", uid: "u", resourceVersion: "7", creationTimestamp: "" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1.5Gi" } }, storageClassName: "fast" },
};
const facts: VolumeFacts = {
  name: "pvc-u",
  claim,
  class: { metadata: { name: "fast" }, provisioner: "d", mountOptions: ["noatime"] },
  capabilities: new Set([ControllerCapability.SINGLE_NODE_MULTI_WRITER]),
  defaultFsType: undefined,
  tellsNames: false,
};
const withParameters = (parameters: Record<string, string>): VolumeFacts => ({
  ...facts,
  class: { ...facts.class, parameters },
});
const withClaim = (spec: object): VolumeFacts => ({ ...facts, claim: { ...claim, spec: { ...claim.spec, ...spec } } });
const bytes = 1536n * 1024n ** 2n;

describe("planVolume", () => {
  it("asks for what claim and class say", () => {
    expect(planVolume(withParameters({ kind: "ssd", "csi.storage.k8s.io/fstype": "xfs" })).request).toEqual({
      name: "pvc-u",
      capacityRange: { requiredBytes: bytes },
      volumeCapabilities: [
        {
          accessType: { case: "mount", value: { fsType: "xfs", mountFlags: ["noatime"] } },
          accessMode: { mode: AccessMode.SINGLE_NODE_MULTI_WRITER },
        },
      ],
      parameters: { kind: "ssd" },
    });
  });

  it("asks for block devices, and for each access mode on its own", () => {
    const { request, fsType } = planVolume(
      withClaim({ volumeMode: "Block", accessModes: ["ReadWriteMany", "ReadOnlyMany"] }),
    );
    expect(fsType).toBeUndefined();
    expect(request.volumeCapabilities).toMatchObject([
      { accessType: { case: "block" }, accessMode: { mode: AccessMode.MULTI_NODE_MULTI_WRITER } },
      { accessType: { case: "block" }, accessMode: { mode: AccessMode.MULTI_NODE_READER_ONLY } },
    ]);
  });

  it("tells single writers apart only to drivers that do", () => {
    const mode = (of: VolumeFacts) => planVolume(of).request.volumeCapabilities?.[0]?.accessMode?.mode;
    const old = { ...facts, capabilities: new Set<ControllerCapability>() };
    expect(mode(old)).toBe(AccessMode.SINGLE_NODE_WRITER);
    expect(mode(withClaim({ accessModes: ["ReadWriteOncePod"] }))).toBe(AccessMode.SINGLE_NODE_SINGLE_WRITER);
    const oncePod = { ...withClaim({ accessModes: ["ReadWriteOncePod"] }), capabilities: old.capabilities };
    expect(() => planVolume(oncePod)).toThrow("KX_CSI_CLAIM");
  });

  it("gives the names where they are wanted, and the driver's default file system", () => {
    const { request, fsType } = planVolume({ ...facts, tellsNames: true, defaultFsType: "ext4" });
    expect(fsType).toBe("ext4");
    expect(request.parameters).toEqual({
      "csi.storage.k8s.io/pvc/name": "data",
      "csi.storage.k8s.io/pvc/namespace": "shop",
      "csi.storage.k8s.io/pv/name": "pvc-u",
    });
  });

  it("refuses selectors, unknown reserved parameters and two file systems", () => {
    expect(() => planVolume(withClaim({ selector: {} }))).toThrow("KX_CSI_CLAIM");
    expect(() => planVolume(withParameters({ "csi.storage.k8s.io/fstyp": "a" }))).toThrow("KX_CSI_CLASS");
    expect(() => planVolume(withParameters({ FsType: "a", "csi.storage.k8s.io/fstype": "a" }))).toThrow("has both");
  });

  it("adds what was found", () => {
    const source = { type: { case: "volume", value: { volumeId: "v" } } } as const;
    const topology = { requisite: [{ segments: { z: "a" } }], preferred: [] };
    const extras = { secrets: { a: "b" }, source, topology, mutableParameters: { iops: "5" } };
    expect(requestOf(planVolume(facts), extras)).toMatchObject({
      name: "pvc-u",
      secrets: { a: "b" },
      mutableParameters: { iops: "5" },
      volumeContentSource: source,
      accessibilityRequirements: topology,
    });
  });
});

describe("the driver's answer", () => {
  const answer = (fields: object = {}) => create(VolumeSchema, { volumeId: "h", capacityBytes: bytes, ...fields });

  it("must be as large as asked for, and have the source's content", () => {
    expect(problemOfAnswer(facts, answer(), false)).toBeUndefined();
    expect(problemOfAnswer(facts, answer({ capacityBytes: 0n }), false)).toBeUndefined();
    expect(problemOfAnswer(facts, answer({ capacityBytes: bytes - 1n }), false)).toContain("1610612735 bytes");
    expect(problemOfAnswer(facts, answer(), true)).toContain("source");
  });

  it("becomes a volume with all of its fields", () => {
    const secret = (use: string) => ({
      [`csi.storage.k8s.io/${use}-name`]: use,
      [`csi.storage.k8s.io/${use}-namespace`]: "${pvc.namespace}",
    });
    const uses = [
      "provisioner",
      "controller-publish",
      "node-stage",
      "node-publish",
      "controller-expand",
      "node-expand",
    ];
    const all = {
      ...withParameters(Object.assign({}, ...[...uses, "controller-modify"].map((use) => secret(`${use}-secret`)))),
      defaultFsType: "ext4",
      driverName: "d",
      identity: "me",
      hasTopology: true,
      publishesReadonly: true,
    };
    const volume = answer({
      capacityBytes: 2n * bytes,
      volumeContext: { a: "b" },
      accessibleTopology: [{ segments: { z: "1" } }],
    });
    const object = volumeObject(all, planVolume(all), volume);
    expect(object.metadata).toEqual({
      name: "pvc-u",
      finalizers: ["external-provisioner.volume.kubernetes.io/finalizer"],
      annotations: {
        "pv.kubernetes.io/provisioned-by": "d",
        "volume.kubernetes.io/provisioner-deletion-secret-name": "provisioner-secret",
        "volume.kubernetes.io/provisioner-deletion-secret-namespace": "shop",
        "volume.kubernetes.io/controller-modify-secret-name": "controller-modify-secret",
        "volume.kubernetes.io/controller-modify-secret-namespace": "shop",
      },
    });
    const ref = (use: string) => ({ name: `${use}-secret`, namespace: "shop" });
    expect(object.spec).toEqual({
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: "3Gi" },
      claimRef: {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        name: "data",
        namespace: "shop",
        uid: "u",
        resourceVersion: "7",
      },
      csi: {
        driver: "d",
        volumeHandle: "h",
        volumeAttributes: { "storage.kubernetes.io/csiProvisionerIdentity": "me", a: "b" },
        fsType: "ext4",
        controllerPublishSecretRef: ref("controller-publish"),
        nodeStageSecretRef: ref("node-stage"),
        nodePublishSecretRef: ref("node-publish"),
        controllerExpandSecretRef: ref("controller-expand"),
        nodeExpandSecretRef: ref("node-expand"),
      },
      mountOptions: ["noatime"],
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "z", operator: "In", values: ["1"] }] }] },
      },
      persistentVolumeReclaimPolicy: "Delete",
      storageClassName: "fast",
    });
  });

  it("is read-only where nobody may write, and the driver honours it", () => {
    const own = { ...withClaim({ accessModes: ["ReadOnlyMany"] }), driverName: "d", identity: "", hasTopology: false };
    const readOnly = (publishesReadonly: boolean) => {
      const all = { ...own, publishesReadonly };
      return volumeObject(all, planVolume(all), answer()).spec?.csi?.readOnly;
    };
    expect([readOnly(true), readOnly(false)]).toEqual([true, undefined]);
  });
});
