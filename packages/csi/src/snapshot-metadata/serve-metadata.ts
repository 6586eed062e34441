import type { Client } from "@kx/controllers";
import type { HostEnv } from "@kx/core";
import { Health } from "@kx/core/contracts/grpc-health";
import {
  GetMetadataAllocatedRequestSchema,
  GetMetadataDeltaRequestSchema,
  SnapshotMetadata,
} from "@kx/core/contracts/snapshot-metadata";
import { createGrpcServer } from "@kx/core/grpc";
import type { DriverClient } from "../controllers/driver-client.ts";
import { untilAborted } from "../driver/until-aborted.ts";
import { followFiles, readFiles } from "./files.ts";
import { healthHandlers } from "./health.ts";
import { metadataHandlers } from "./metadata-handlers.ts";
import { defaultPort, type SnapshotMetadataOptions } from "./options.ts";

/** What serving needs. */
export interface ServeEnv extends Pick<HostEnv, "log" | "clock" | "metrics"> {
  readonly client: Client;
  readonly driver: DriverClient;
  readonly audience: string | undefined;
}

const tokens = [
  GetMetadataAllocatedRequestSchema.field.securityToken,
  GetMetadataDeltaRequestSchema.field.securityToken,
];

/**
 * Serves backup programs until the signal aborts; calls at work are told that it stops, and their callers go on elsewhere.
 *
 * @throws KxError `KX_CSI_METADATA` for a file that cannot be read, `KX_GRPC_CERTIFICATE`, `KX_GRPC_LISTEN`.
 */
export async function serveMetadata(
  { client, driver, audience, log, clock, metrics }: ServeEnv,
  { certFile, keyFile, port = defaultPort, host, maxStreamMs = 600_000, reloadMs = 5000 }: SnapshotMetadataOptions,
  signal: AbortSignal,
  ready: () => void,
): Promise<void> {
  const files = { cert: certFile, key: keyFile };
  const certificate = await readFiles(files);
  const stopping = new AbortController();
  await using server = createGrpcServer({
    log,
    clock,
    secretFields: tokens,
    ...(metrics === undefined
      ? {}
      : { metrics: { metrics, prefix: "snapshot_metadata_controller", labels: { driver_name: driver.name } } }),
  });
  server.add(SnapshotMetadata, metadataHandlers({ client, driver, audience }), { maxDurationMs: maxStreamMs });
  server.add(Health, healthHandlers(stopping.signal));
  const listener = await server.listenTls({ certificate, port, ...(host === undefined ? {} : { host }) });
  log.info({ driver: driver.name, port: listener.port }, "snapshot-metadata service ready");
  ready();
  const following = followFiles(
    files,
    certificate,
    (renewed) => listener.renew(renewed),
    { clock, log, everyMs: reloadMs },
    signal,
  );
  await untilAborted(signal);
  stopping.abort();
  await following;
}
