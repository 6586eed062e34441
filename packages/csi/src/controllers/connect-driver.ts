import { type Clock, type Logger, systemClock } from "@kx/core";
import {
  Controller,
  csiSecret,
  ExpansionMode,
  GroupController,
  Identity,
  PluginService,
  SnapshotMetadata,
} from "@kx/core/contracts/csi";
import { createGrpcClient, type GrpcClientOptions } from "@kx/core/grpc";
import type { Metrics } from "@kx/core/metrics";
import { socketPathOf } from "../driver/endpoint.ts";
import type { Calls, DriverCapabilities, DriverClient } from "./driver-client.ts";

/** How a driver behind a socket is reached. */
export interface ConnectOptions {
  readonly log: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Where calls are counted, as `csi_sidecar_operations_seconds`. Default: nowhere. */
  readonly metrics?: Metrics;
  /** Ends the wait for the driver. Default: it is waited for without bound. */
  readonly signal?: AbortSignal;
}

/** A driver behind a socket; disposing closes the connection. */
export interface ConnectedDriver extends DriverClient, AsyncDisposable {}

const probeTimeoutMs = 5000;
const probePauseMs = 500;

/**
 * Connects to a driver of any language, waits until its Probe says that it is ready, and asks what it can do.
 *
 * @throws KxError `KX_CSI_ENDPOINT`, those of the driver's answers, and the signal's reason.
 */
export async function connectDriver(endpoint: string, options: ConnectOptions): Promise<ConnectedDriver> {
  const path = socketPathOf(endpoint);
  const { log, metrics } = options;
  const identityOnly = createGrpcClient(Identity, { path, maxBackoffMs: 1000 });
  let name: string;
  let capabilities: DriverCapabilities;
  try {
    await ready(identityOnly.calls, endpoint, options);
    ({ name } = await identityOnly.calls.getPluginInfo({}, { timeoutMs: probeTimeoutMs }));
    capabilities = await capabilitiesBehind(path, identityOnly.calls);
  } finally {
    identityOnly.close();
  }
  const each: GrpcClientOptions = {
    path,
    log,
    secretOptions: [csiSecret],
    ...(metrics === undefined ? {} : { metrics: { metrics, prefix: "csi_sidecar", labels: { driver_name: name } } }),
  };
  const clients = {
    identity: createGrpcClient(Identity, each),
    controller: createGrpcClient(Controller, each),
    groupController: createGrpcClient(GroupController, each),
    snapshotMetadata: createGrpcClient(SnapshotMetadata, each),
  };
  log.info({ driver: name, endpoint }, "driver connected");
  return {
    name,
    capabilities,
    identity: clients.identity.calls,
    controller: clients.controller.calls,
    groupController: clients.groupController.calls,
    snapshotMetadata: clients.snapshotMetadata.calls,
    async [Symbol.asyncDispose]() {
      for (const client of Object.values(clients)) client.close();
    },
  };
}

async function ready(
  identity: Calls<typeof Identity>,
  endpoint: string,
  { log, clock = systemClock, signal }: ConnectOptions,
): Promise<void> {
  for (let tries = 0; ; tries++) {
    signal?.throwIfAborted();
    try {
      const probed = await identity.probe(
        {},
        { timeoutMs: probeTimeoutMs, ...(signal === undefined ? {} : { signal }) },
      );
      if (probed.ready !== false) return;
      if (tries === 0) log.info({ endpoint }, "driver not ready, waiting");
    } catch (err) {
      signal?.throwIfAborted();
      if (tries === 0) log.warn({ endpoint, err }, "driver does not answer, waiting");
    }
    await clock.sleep(probePauseMs, signal);
  }
}

async function capabilitiesBehind(path: string, identity: Calls<typeof Identity>): Promise<DriverCapabilities> {
  const timeout = { timeoutMs: probeTimeoutMs };
  const { capabilities } = await identity.getPluginCapabilities({}, timeout);
  const services = new Set(capabilities.flatMap(({ type }) => (type.case === "service" ? [type.value.type] : [])));
  const [expansion = ExpansionMode.UNKNOWN] = capabilities.flatMap(({ type }) =>
    type.case === "volumeExpansion" ? [type.value.type] : [],
  );
  await using controller = createGrpcClient(Controller, { path });
  await using group = createGrpcClient(GroupController, { path });
  const ofController = services.has(PluginService.CONTROLLER_SERVICE)
    ? (await controller.calls.controllerGetCapabilities({}, timeout)).capabilities
    : [];
  const ofGroup = services.has(PluginService.GROUP_CONTROLLER_SERVICE)
    ? (await group.calls.groupControllerGetCapabilities({}, timeout)).capabilities
    : [];
  return {
    services,
    expansion,
    controller: new Set(ofController.flatMap(({ type }) => (type.case === "rpc" ? [type.value.type] : []))),
    groupController: new Set(ofGroup.flatMap(({ type }) => (type.case === "rpc" ? [type.value.type] : []))),
  };
}
