import { type Clock, type HostEnv, type Logger, type Runnable, systemClock } from "@kx/core";
import { csiSecret } from "@kx/core/contracts/csi";
import { createGrpcServer, type GrpcServer, type GrpcStopped } from "@kx/core/grpc";
import type { Metrics } from "@kx/core/metrics";
import type { CsiMode } from "./capabilities.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { csiStatusTable } from "./csi-error.ts";
import { addServices, type CsiServices, createCsiServices } from "./csi-services.ts";
import { socketPathOf } from "./endpoint.ts";
import { keepListening } from "./keep-listening.ts";
import type { Kit } from "./kit.ts";
import { createOperations } from "./operations.ts";
import { createPublishTable, type Mount } from "./publish-table.ts";
import { untilAborted } from "./until-aborted.ts";

/** What a driver is started with. */
export interface StartOptions {
  /** `unix:///folder/csi.sock`. */
  readonly endpoint: string;
  readonly mode: CsiMode;
  readonly log: Logger;
  readonly clock?: Clock | undefined;
  readonly metrics?: Metrics | undefined;
  readonly isStrict?: boolean | undefined;
  readonly graceMs?: number | undefined;
  readonly readMounts?: (() => Promise<readonly Mount[]>) | undefined;
}

/** A driver at work. */
export interface RunningCsiDriver extends AsyncDisposable {
  /** Resolves when `init` is done. Rejects with what it failed with; the driver has been stopped then. */
  readonly ready: Promise<void>;
  /** The services behind the kit's rules, for parts of the same process. */
  readonly services: CsiServices;
  /** Takes no new calls, lets those at work finish within the grace period, and removes the socket. */
  stop(): Promise<GrpcStopped>;
}

/**
 * Serves a driver: it listens, then makes the state and the driver ready.
 *
 * @throws KxError of the endpoint or of listening.
 */
export async function startCsiDriver(
  definition: CsiDriverDefinition,
  options: StartOptions,
): Promise<RunningCsiDriver> {
  const path = socketPathOf(options.endpoint);
  let starting: Error | undefined = new Error("init has not ended yet");
  const kit = kitOf(definition, options, () => starting);
  const services = createCsiServices(kit);
  const server = addServices(serverOf(definition, options), services);
  await server.listen(path);
  const shutdown = new AbortController();
  void keepListening({ server, path, clock: kit.clock, log: kit.log }, shutdown.signal);
  let stopped: Promise<GrpcStopped> | undefined;
  const end = async (): Promise<GrpcStopped> => {
    shutdown.abort(new Error("the driver is stopping"));
    const { graceMs } = options;
    const ended = await server.stop(graceMs === undefined ? {} : { graceMs });
    await kit.state?.[Symbol.asyncDispose]?.();
    return ended;
  };
  const stop = (): Promise<GrpcStopped> => (stopped ??= end());
  const ready = (async () => {
    try {
      await kit.state?.open?.(kit.log);
      await kit.publications.rebuild();
      await definition.init?.({ signal: shutdown.signal, log: kit.log, clock: kit.clock });
      starting = undefined;
      kit.log.info({ driver: definition.name, mode: options.mode, path }, "driver ready");
    } catch (error) {
      await stop();
      throw error;
    }
  })();
  // Whoever does not wait for it learns of a failure by the driver being gone.
  ready.catch((err: unknown) => kit.log.error({ err }, "driver cannot start"));
  return { ready, services, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

function kitOf(definition: CsiDriverDefinition, options: StartOptions, starting: Kit["starting"]): Kit {
  const { log, clock = systemClock, mode, metrics, isStrict = false, readMounts = kernelMounts } = options;
  const conflicts = metrics?.counter({
    name: "kx_csi_lock_conflicts_total",
    help: "Calls that were refused since another one was at work on the same volume or snapshot",
    labels: ["method_name"],
  });
  const operations = createOperations(clock, conflicts);
  metrics?.gauge({
    name: "kx_csi_operations_running",
    help: "Calls at work that hold a volume or snapshot",
    collect: (gauge) => gauge.set(operations.running),
  });
  const { name: driverName, state, features = {} } = definition;
  return {
    definition,
    features,
    state,
    mode,
    log,
    clock,
    operations,
    isStrict,
    starting,
    staged: new Map(),
    publications: createPublishTable({ driverName, state, readMounts }),
  };
}

function serverOf({ name }: CsiDriverDefinition, { log, clock, metrics }: StartOptions): GrpcServer {
  return createGrpcServer({
    log,
    secretOptions: [csiSecret],
    statusTable: csiStatusTable,
    ...(clock === undefined ? {} : { clock }),
    // The name that kubernetes-csi/csi-lib-utils gives the calls of a driver, with its buckets.
    ...(metrics === undefined ? {} : { metrics: { metrics, prefix: "csi_plugin", labels: { driver_name: name } } }),
  });
}

async function kernelMounts(): Promise<readonly Mount[]> {
  if (process.platform !== "linux") return [];
  // Loaded late: a driver's controller part makes no system calls.
  const { readMountInfo } = await import("@kx/core/linux");
  return await readMountInfo();
}

/** A driver as a part of a host: ready when its `init` is done. `served` is told its services, and when they end. */
export function csiRunnable(
  definition: CsiDriverDefinition,
  mode: CsiMode,
  endpoint: string,
  env: HostEnv,
  served: (services: CsiServices | undefined) => void,
): Runnable {
  return {
    name: `csi ${definition.name}`,
    group: "server",
    async start(signal, ready) {
      const { log, clock, metrics } = env;
      await using driver = await startCsiDriver(definition, { endpoint, mode, log, clock, metrics });
      await driver.ready;
      served(driver.services);
      ready();
      await untilAborted(signal);
      served(undefined);
    },
  };
}
