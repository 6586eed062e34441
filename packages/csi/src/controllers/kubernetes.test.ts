import { describe, expect, it } from "vitest";
import { claims, labelsOnly, volumes, whole } from "./kubernetes.ts";

const metadata = {
  name: "a",
  uid: "1",
  resourceVersion: "2",
  creationTimestamp: "2026-01-01T00:00:00Z",
  labels: { app: "x" },
  annotations: { team: "blue" },
  ownerReferences: [],
};

function trimmed(selection: typeof claims, object: object) {
  const copy = structuredClone({ metadata, ...object });
  selection.transform?.(copy);
  return copy;
}

describe("what caches keep", () => {
  it("of claims: what templates and controllers read", () => {
    const claim = trimmed(claims, { spec: { volumeName: "v" }, status: { phase: "Bound" } });
    expect(claim).toMatchObject({ spec: { volumeName: "v" }, status: { phase: "Bound" } });
    expect(claim.metadata).toMatchObject({ name: "a", annotations: { team: "blue" } });
    expect(claim.metadata).not.toHaveProperty("labels");
    expect(claim.metadata).not.toHaveProperty("ownerReferences");
  });

  it("of volumes: all that CSI made, little of the others", () => {
    const csi = { driver: "d", volumeHandle: "h" };
    expect(trimmed(volumes, { spec: { csi, volumeMode: "Block" } })).toMatchObject({
      spec: { csi, volumeMode: "Block" },
    });
    const foreign = trimmed(volumes, { spec: { nfs: { server: "s", path: "/" }, storageClassName: "c" } });
    expect(foreign).toMatchObject({ spec: { storageClassName: "c" } });
    expect(foreign).not.toHaveProperty("spec.nfs");
  });

  it("of nodes: name and labels; of others: all", () => {
    expect(trimmed(labelsOnly, {}).metadata).toEqual({
      name: "a",
      uid: "1",
      resourceVersion: "2",
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { app: "x" },
    });
    expect(trimmed(whole, { parameters: { a: "b" } })).toEqual({ metadata, parameters: { a: "b" } });
  });
});
