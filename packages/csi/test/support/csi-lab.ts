import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { Event, PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { StorageClass } from "@kx/controllers/api/storage-v1";
import { clusterClient } from "@kx/controllers/testing";
import { type Extension, systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";
import { type CollectingLogger, collectingLogger } from "@kx/core/testing";
import { type CsiDriver, type CsiServices, runCsiDriver } from "@kx/csi";
import { type DriverClient, inProcessDriver } from "@kx/csi/controllers";
import { controllerAccount, refuseDenials } from "./accounts.ts";
import { asBlock, mounted } from "./csi-clients.ts";

/** An API server, a driver in this process, and controllers beside it. */
export interface CsiLab extends AsyncDisposable {
  readonly cluster: ControlPlane;
  readonly client: Client;
  readonly driver: DriverClient;
  /** Where the driver listens. */
  readonly endpoint: string;
  readonly log: CollectingLogger;
  /** Folder of the driver. */
  readonly stateDir: string;
  /** Makes a volume of the driver, bound to a claim of the namespace, as provisioner and binder would. */
  claim(namespace: string, name: string, options?: ClaimOptions): Promise<{ readonly handle: string }>;
  /** Reasons of the events about an object. */
  reasons(namespace: string, name: string): Promise<readonly string[]>;
}

export interface ClaimOptions {
  readonly labels?: Record<string, string>;
  readonly snapshotHandle?: string;
  /** Default: 8Mi. */
  readonly size?: string;
  readonly bytes?: bigint;
  readonly parameters?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly volumeAttributesClassName?: string;
  /** A raw block volume. Default: one to be mounted. */
  readonly block?: boolean;
}

/** What a lab runs. */
export interface LabOptions {
  driver(stateDir: string): CsiDriver;
  extensions(driver: DriverClient): readonly Extension[];
}

/** Starts all; what was started is gone when it is disposed of. */
export async function startCsiLab(options: LabOptions): Promise<CsiLab> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "kx-csi-lab-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const stateDir = join(folder, "state");
  const log = collectingLogger();
  const csi = options.driver(stateDir);
  const endpoint = `unix://${folder}/csi.sock`;
  const running = await runCsiDriver(csi, { endpoint, log });
  undo.use(running);
  await running.ready;
  const services: CsiServices = running.services;
  const driver = inProcessDriver(csi, { services: () => services, log });
  const cluster = await startControlPlane();
  undo.defer(() => cluster.stop());
  const client = undo.use(await clusterClient(cluster));
  // The API server lets only claims of a class grow that allows it.
  await client.create(StorageClass, {
    metadata: { name: "lab" },
    provisioner: driver.name,
    allowVolumeExpansion: true,
  });
  const extensions = options.extensions(driver);
  const others = extensions.filter(({ name }) => !name.startsWith(driver.name.replaceAll(".", "-")));
  const rendered = others.flatMap((extension) => extension.manifests({ namespace: "default", image: "" }));
  const kubeconfig = await controllerAccount(cluster, client, csi, rendered);
  const host = await runHost({ role: "controller", extensions, log, clock: systemClock, kubeconfig });
  undo.defer(() => refuseDenials(log));
  undo.use(host);
  const owned = undo.move();
  return {
    cluster,
    client,
    driver,
    endpoint,
    log,
    stateDir,
    claim: (namespace, name, claim = {}) => makeClaim(client, driver, namespace, name, claim),
    async reasons(namespace, name) {
      const { items } = await client.list(Event, { namespace, fieldSelector: `involvedObject.name=${name}` });
      return items.map(({ reason = "" }) => reason);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function makeClaim(
  client: Client,
  driver: DriverClient,
  namespace: string,
  name: string,
  {
    labels,
    snapshotHandle,
    parameters,
    annotations,
    volumeAttributesClassName,
    size = "8Mi",
    bytes = 8n * 1024n ** 2n,
    block = false,
  }: ClaimOptions,
): Promise<{ readonly handle: string }> {
  const { volume } = await driver.controller.createVolume({
    name: `${namespace}-${name}`,
    capacityRange: { requiredBytes: bytes, limitBytes: 0n },
    volumeCapabilities: [block ? asBlock() : mounted()],
    ...(parameters === undefined ? {} : { parameters }),
    ...(snapshotHandle === undefined
      ? {}
      : { volumeContentSource: { type: { case: "snapshot", value: { snapshotId: snapshotHandle } } } }),
  });
  const handle = volume?.volumeId ?? "";
  const volumeName = `pv-${namespace}-${name}`;
  const accessModes = ["ReadWriteOnce"];
  const mode = block ? { volumeMode: "Block" } : {};
  const ofClass = volumeAttributesClassName === undefined ? {} : { volumeAttributesClassName };
  const claim = await client.create(PersistentVolumeClaim, {
    metadata: { namespace, name, ...(labels === undefined ? {} : { labels }) },
    spec: {
      accessModes,
      volumeName,
      storageClassName: "lab",
      resources: { requests: { storage: size } },
      ...mode,
      ...ofClass,
    },
  });
  await client.create(PersistentVolume, {
    metadata: { name: volumeName, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      accessModes,
      storageClassName: "lab",
      capacity: { storage: size },
      claimRef: { namespace, name, uid: claim.metadata.uid },
      csi: { driver: driver.name, volumeHandle: handle, ...(block ? {} : { fsType: "ext4" }) },
      persistentVolumeReclaimPolicy: "Retain",
      ...mode,
      ...ofClass,
    },
  });
  const status = {
    phase: "Bound",
    accessModes,
    capacity: { storage: size },
    ...(volumeAttributesClassName === undefined ? {} : { currentVolumeAttributesClassName: volumeAttributesClassName }),
  };
  await client.patch(PersistentVolumeClaim, { namespace, name }, { status }, { type: "merge", subresource: "status" });
  await client.patch(
    PersistentVolume,
    { name: volumeName },
    { status: { phase: "Bound" } },
    { type: "merge", subresource: "status" },
  );
  return { handle };
}
