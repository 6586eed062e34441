import { describe, expect, it } from "vitest";
import { provisionedBy, volumeFinalizer } from "./names.ts";
import { type CachedVolume, planVolumeStep, type VolumeStep } from "./plan-volume.ts";

const driverName = "disk.csi.kx.dev";
const base = { name: "v", uid: "1", resourceVersion: "1", creationTimestamp: "" };
const finalizers = [volumeFinalizer];
const deletionTimestamp = "2026-01-01T00:00:00Z";

function volume(phase: string, metadata: object = {}, spec: object = {}): CachedVolume {
  return {
    metadata: { ...base, ...metadata },
    spec: { csi: { driver: driverName, volumeHandle: "h" }, persistentVolumeReclaimPolicy: "Delete", ...spec },
    status: { phase },
  };
}

const retain = { persistentVolumeReclaimPolicy: "Retain" };
const zoneA = {
  required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "z", operator: "In", values: ["a"] }] }] },
};

describe("planVolumeStep", () => {
  it.each<[string, VolumeStep, CachedVolume]>([
    ["released", "delete", volume("Released", { finalizers })],
    ["released, of an older provisioner", "delete", volume("Released")],
    ["released and deleted, but protected", "delete", volume("Released", { finalizers, deletionTimestamp })],
    ["released and deleted, which is done", "nothing", volume("Released", { deletionTimestamp })],
    ["bound without protection", "protect", volume("Bound")],
    ["bound and protected", "nothing", volume("Bound", { finalizers })],
    ["bound and deleted", "nothing", volume("Bound", { finalizers, deletionTimestamp })],
    ["to be retained", "nothing", volume("Released", {}, retain)],
    ["to be retained from now on", "unprotect", volume("Bound", { finalizers }, retain)],
    ["available", "nothing", volume("Available")],
    ["provisioned by another", "nothing", volume("Released", { annotations: { [provisionedBy]: "other" } })],
    ["of another driver", "nothing", volume("Released", {}, { csi: { driver: "other", volumeHandle: "h" } })],
    ["of no CSI driver", "nothing", volume("Released", {}, { csi: undefined })],
  ])("%s: %s", (_, step, of) => {
    expect(planVolumeStep({ driverName, volume: of, node: undefined })).toBe(step);
  });

  it("leaves volumes of other nodes alone", () => {
    const of = volume("Released", { finalizers }, { nodeAffinity: zoneA });
    const at = (z: string) => planVolumeStep({ driverName, volume: of, node: { name: "n", segments: { z } } });
    expect([at("a"), at("b")]).toEqual(["delete", "nothing"]);
  });
});
