import { createClient } from "@kx/controllers";
import { loadKubeconfig } from "@kx/controllers/kubeconfig";
import { type Extension, type HostEnv, KxError, type Runnable } from "@kx/core";
import { PluginService } from "@kx/core/contracts/csi";
import type { DriverClient } from "../controllers/driver-client.ts";
import type { Sidecar } from "../controllers/sidecars.ts";
import { keepAnnounced } from "./announce.ts";
import { audienceOf, metadataObjects, metadataPartName, serviceAddress } from "./objects.ts";
import type { SnapshotMetadataOptions } from "./options.ts";
import { serveMetadata } from "./serve-metadata.ts";

/** Lets backup programs ask from anywhere in the cluster which blocks of a driver's snapshots they have to read. */
export const snapshotMetadata: Sidecar = {
  // Without a certificate there is nothing to serve with.
  isNeeded: ({ services }, options) => isServed(services) && options.snapshotMetadata !== undefined,
  make: ({ driver, options }) => {
    if (!isServed(driver.capabilities.services)) {
      throw new KxError("KX_CSI_PART", `the driver ${driver.name} does not serve snapshot metadata`, {
        remedy: "leave out the part snapshot-metadata, or give the driver getMetadataAllocated and getMetadataDelta",
      });
    }
    if (options.snapshotMetadata !== undefined) return [metadataExtension(driver, options.snapshotMetadata)];
    throw new KxError("KX_CSI_METADATA", "the part snapshot-metadata was not given its certificate", {
      remedy: "give snapshotMetadata: { certFile, keyFile } in the options or in the driver's definition",
    });
  },
};

function isServed(services: ReadonlySet<PluginService>): boolean {
  return services.has(PluginService.SNAPSHOT_METADATA_SERVICE);
}

function metadataExtension(driver: DriverClient, options: SnapshotMetadataOptions): Extension {
  return Object.freeze({
    kx: 1,
    kind: "controller",
    name: metadataPartName(driver),
    version: "0.0.0",
    parts: (env) => (env.role === "controller" ? partsOf(driver, options, env) : []),
    manifests: (env) => metadataObjects(driver, options, env),
  } satisfies Extension);
}

/** All replicas serve, whoever leads: a Service has them all behind it. */
function partsOf(driver: DriverClient, options: SnapshotMetadataOptions, env: HostEnv): readonly Runnable[] {
  const { caFile, reloadMs = 5000 } = options;
  const audience = audienceOf(driver, options);
  const connect = async () => {
    const { clock, kubeconfig } = env;
    const config = await loadKubeconfig({ clock, ...(kubeconfig === undefined ? {} : { path: kubeconfig }) });
    const name = metadataPartName(driver);
    return createClient(config, { clock, fieldManager: name, userAgent: name });
  };
  const serve: Runnable = {
    name: "serve",
    group: "server",
    async start(signal, ready) {
      await using client = await connect();
      await serveMetadata({ ...env, client, driver, audience }, options, signal, ready);
    },
  };
  if (caFile === undefined || audience === undefined) return [serve];
  const announce: Runnable = {
    name: "announce",
    group: "worker",
    async start(signal, ready) {
      await using client = await connect();
      const address = options.address ?? serviceAddress(driver, client.config.namespace ?? "default");
      const announcement = { driverName: driver.name, address, audience, caFile, reloadMs };
      await keepAnnounced(announcement, { ...env, client }, signal, ready);
    },
  };
  return [serve, announce];
}
