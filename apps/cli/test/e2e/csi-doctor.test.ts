// `kx csi doctor` as operators call it, on a real API server.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { Namespace, PersistentVolumeClaim, Pod, ServiceAccount } from "@kx/controllers/api/core-v1";
import { StorageClass } from "@kx/controllers/api/storage-v1";
import { clusterClient } from "@kx/controllers/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kx } from "./run-kx.ts";

describe("kx csi doctor", () => {
  let cluster: ControlPlane;
  let client: Client;
  let dir: string;
  const doctor = (...args: readonly string[]) => kx(dir, "csi", "doctor", "--kubeconfig", cluster.kubeconfig, ...args);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "kx-csi-doctor-"));
    cluster = await startControlPlane();
    client = await clusterClient(cluster);
    await client.create(Namespace, { metadata: { name: "shop" } });
    // No controller manager makes it here.
    await client.create(ServiceAccount, { metadata: { namespace: "shop", name: "default" } });
    const metadata = { namespace: "shop", name: "data" };
    const resources = { requests: { storage: "1Gi" } };
    const spec = { accessModes: ["ReadWriteOnce"], resources, storageClassName: "fsat" };
    await client.create(PersistentVolumeClaim, { metadata, spec });
  });
  afterAll(async () => {
    await client?.[Symbol.asyncDispose]();
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it("tells all that is stuck, and that with its exit code", async () => {
    const { code, stdout } = await doctor();
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^✗ PersistentVolumeClaim shop\/data: ClassMissing\n {2}its StorageClass fsat does not exist\n/,
    );
    expect(stdout).toMatch(/\n {2}waits for: {2}StorageClass fsat\n {2}remedy: {5}make the class/);
  });

  it("shows the chain of one object, and as data", async () => {
    await client.create(StorageClass, { metadata: { name: "fast" }, provisioner: "disk.example.com" });
    await client.create(Pod, {
      metadata: { namespace: "shop", name: "app" },
      spec: {
        containers: [{ name: "main", image: "none" }],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
      },
    });
    const { code, stdout } = await doctor("pod/app", "-n", "shop");
    expect(code).toBe(1);
    const [chain, finding] = stdout.split("\n\n");
    expect(chain).toBe(
      [
        "Pod shop/app: Pending, no node yet",
        "└─ PersistentVolumeClaim shop/data: Pending, 1Gi  ✗ ClassMissing",
        "   └─ StorageClass fsat: does not exist",
      ].join("\n"),
    );
    expect(finding).toContain("holds up:   Pod shop/app");
    expect(finding).toContain("did you mean fast?");
    const data = JSON.parse((await doctor("pvc/data", "-n", "shop", "-o", "json")).stdout) as unknown;
    expect(data).toMatchObject({
      ok: false,
      chains: [{ ref: { kind: "Pod" } }],
      findings: [{ code: "ClassMissing", holdsUp: [{ kind: "Pod", namespace: "shop", name: "app" }] }],
    });
  });

  it("is content where nothing is stuck", async () => {
    await client.delete(Pod, { namespace: "shop", name: "app" }, { gracePeriodSeconds: 0 });
    await client.patch(
      PersistentVolumeClaim,
      { namespace: "shop", name: "data" },
      { metadata: { finalizers: null } },
      { type: "merge" },
    );
    await client.delete(PersistentVolumeClaim, { namespace: "shop", name: "data" });
    expect(await doctor()).toMatchObject({ code: 0, stdout: "✓ nothing is stuck\n" });
    expect(JSON.parse((await doctor("-o", "json")).stdout)).toEqual({ ok: true, chains: [], findings: [] });
  });

  it("names what it cannot look at", async () => {
    const missing = await doctor("pvc/data", "-n", "shop");
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toContain("[KX_CSI_DOCTOR] PersistentVolumeClaim shop/data does not exist");
    expect((await doctor("pcv/data")).stderr).toContain("remedy: did you mean pvc/?");
    expect((await doctor("--kubeconfig", join(dir, "none"))).stderr).toContain(join(dir, "none"));
  });
});
