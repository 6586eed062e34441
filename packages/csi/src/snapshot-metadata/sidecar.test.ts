import { collectingLogger } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { inProcessDriver } from "../controllers/driver-client.ts";
import { csiControllers, partsNeeded } from "../controllers/sidecars.ts";
import type { CsiDriverDefinition } from "../driver/csi-driver.ts";
import { defineCsiDriver } from "../driver/define-csi-driver.ts";
import type { SnapshotMetadataOptions } from "./options.ts";

const files = { certFile: "/tls.crt", keyFile: "/tls.key" };

function driver(definition: Partial<CsiDriverDefinition> = {}) {
  return defineCsiDriver<CsiDriverDefinition>({
    name: "disk.example.com",
    validateVolumeCapabilities: async () => ({}),
    async *getMetadataAllocated() {
      yield {};
    },
    async *getMetadataDelta() {
      yield {};
    },
    createVolume: async () => ({}),
    deleteVolume: async () => undefined,
    ...definition,
  });
}
const clientOf = (csi: ReturnType<typeof driver>) =>
  inProcessDriver(csi, { services: () => undefined, log: collectingLogger() });

describe("the part snapshot-metadata", () => {
  it("runs by itself where there is a certificate to serve with", () => {
    const { capabilities } = clientOf(driver());
    expect(partsNeeded(capabilities)).not.toContain("snapshot-metadata");
    expect(partsNeeded(capabilities, { snapshotMetadata: files })).toContain("snapshot-metadata");
    const without = clientOf(
      driver({ getMetadataAllocated: undefined as never, getMetadataDelta: undefined as never }),
    );
    expect(partsNeeded(without.capabilities, { snapshotMetadata: files })).not.toContain("snapshot-metadata");
  });

  it("says what it lacks where it is named", () => {
    const parts = ["snapshot-metadata"] as const;
    expect(() => csiControllers(clientOf(driver()), { parts })).toThrow(/KX_CSI_METADATA.*certFile, keyFile/);
    const without = clientOf(
      driver({ getMetadataAllocated: undefined as never, getMetadataDelta: undefined as never }),
    );
    expect(() => csiControllers(without, { parts, snapshotMetadata: files })).toThrow(/KX_CSI_PART.*does not serve/);
  });
});

describe("the manifests of a driver with snapshotMetadata", () => {
  const objects = (options: Partial<SnapshotMetadataOptions>) =>
    driver({ snapshotMetadata: { ...files, ...options } }).manifests({ namespace: "storage", image: "" });
  const find = (kind: string, options: Partial<SnapshotMetadataOptions> = {}) =>
    objects(options).find((object) => object.kind === kind && /metadata/.test(object.metadata.name ?? ""));
  const name = "disk-example-com-snapshot-metadata";

  it("have the CRD, and a Service before the pods", () => {
    expect(find("CustomResourceDefinition")?.metadata.name).toBe("snapshotmetadataservices.cbt.storage.k8s.io");
    expect(find("Service", { port: 6000, podLabels: { app: "disk" } })).toMatchObject({
      metadata: { name, namespace: "storage" },
      spec: { selector: { app: "disk" }, ports: [{ port: 6443, targetPort: 6000 }] },
    });
  });

  it("have the SnapshotMetadataService where the authority is told", () => {
    const sms = (options: Partial<SnapshotMetadataOptions>) =>
      objects(options).find(({ kind }) => kind === "SnapshotMetadataService");
    expect(sms({})).toBeUndefined();
    const address = `${name}.storage.svc:6443`;
    const caCert = Buffer.from("PEM").toString("base64");
    expect(sms({ ca: "PEM" })).toMatchObject({
      apiVersion: "cbt.storage.k8s.io/v1beta1",
      metadata: { name: "disk.example.com" },
      spec: { address, audience: "disk.example.com", caCert },
    });
    const named = { ca: "PEM", address: "backup.example.com:1", audience: "backup" };
    expect(sms(named)).toMatchObject({ spec: { address: "backup.example.com:1", audience: "backup", caCert } });
  });

  it("give the right to write it only to who does", () => {
    const rights = (options: Partial<SnapshotMetadataOptions>) =>
      JSON.stringify(find("ClusterRole", options)?.["rules"]);
    expect(rights({})).toContain('"tokenreviews"');
    expect(rights({})).not.toContain('"customresourcedefinitions"');
    expect(rights({ ca: "PEM" })).not.toContain('"patch"');
    expect(rights({ caFile: "/ca.crt" })).toContain('"snapshotmetadataservices"],"verbs":["get","create","patch"]');
  });
});
