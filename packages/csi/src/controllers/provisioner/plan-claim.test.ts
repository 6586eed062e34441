import type { Cached } from "@kx/controllers";
import type { StorageClass } from "@kx/controllers/api/storage-v1";
import { describe, expect, it } from "vitest";
import { type Claim, planClaim, volumeNameOf } from "./plan-claim.ts";

const driverName = "disk.csi.kx.dev";
const own = { "volume.kubernetes.io/storage-provisioner": driverName };
const stored = (name: string) => ({ name, uid: `uid-${name}`, resourceVersion: "1", creationTimestamp: "" });

const claim = (annotations: Record<string, string> = own, spec: object = {}): Claim => ({
  metadata: { ...stored("data"), namespace: "x", annotations },
  spec: { storageClassName: "fast", ...spec },
});
const fast = (fields: Partial<Omit<StorageClass, "metadata">> = {}): Cached<StorageClass> => ({
  metadata: stored("fast"),
  provisioner: driverName,
  ...fields,
});
const late = fast({ volumeBindingMode: "WaitForFirstConsumer" });
const selected = { ...own, "volume.kubernetes.io/selected-node": "n1" };

const plan = (of: Claim, storageClass: Cached<StorageClass> | undefined = fast(), hasVolume = false) =>
  planClaim({ driverName, claim: of, hasVolume, classNamed: (name) => (name === "fast" ? storageClass : undefined) });

describe("planClaim", () => {
  it.each([
    ["Kubernetes has asked nobody", claim({})],
    ["Kubernetes has asked another", claim({ ...own, "volume.kubernetes.io/storage-provisioner": "other" })],
    ["the claim is bound", claim(own, { volumeName: "v" })],
    ["its volume is there", claim(), fast(), true],
    ["its class is another driver's now", claim(), fast({ provisioner: "other" })],
    ["its class waits for a pod and no node is chosen", claim(), late],
    ["the choice of a node was taken back", claim({ ...own, "volume.kubernetes.io/selected-node": "" }), late],
  ])("does nothing if %s", (_, of, storageClass = fast(), hasVolume = false) => {
    expect(plan(of, storageClass, hasVolume)).toEqual({ do: "nothing" });
  });

  it("provisions at once, or when a node is chosen", () => {
    expect(plan(claim())).toMatchObject({ do: "provision", node: undefined });
    expect(plan(claim({ "volume.beta.kubernetes.io/storage-provisioner": driverName }))).toMatchObject({
      do: "provision",
    });
    expect(plan(claim(selected), late)).toMatchObject({ do: "provision", node: "n1" });
  });

  it("waits for a class that is not there", () => {
    expect(() => plan(claim(own, { storageClassName: "slow" }))).toThrow('KX_CSI_CLASS] the StorageClass "slow"');
  });
});

it("names volumes by the claim's uid", () => {
  expect(volumeNameOf("pvc", claim())).toBe("pvc-uid-data");
});
