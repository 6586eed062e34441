import type { Clock, Logger } from "@kx/core";
import type { GrpcStopped } from "@kx/core/grpc";
import type { HealthOptions } from "@kx/core/host";
import { createLogger } from "@kx/core/log";
import { createMetrics, type Metrics } from "@kx/core/metrics";
import type { CsiMode } from "./capabilities.ts";
import { type Companions, startCompanions } from "./companions.ts";
import type { CsiDriver } from "./csi-driver.ts";
import type { CsiPart, EmbedOptions } from "./embed-options.ts";
import { type RunningCsiDriver, startCsiDriver } from "./start-csi-driver.ts";

/** A driver that is served, with what runs beside it. */
export interface RunningCsi extends RunningCsiDriver {
  /** Where its health is, without a path: `http://127.0.0.1:9440`; undefined if that was not asked for. */
  readonly healthUrl: string | undefined;
}

/** The edge of the process, which tests replace. */
export interface CsiIo {
  /** Default: the process's variables. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where the log goes. Default: the process's standard error. */
  readonly stderr?: { write(text: string): void };
}

/** How a driver is run. */
export interface RunCsiOptions {
  /** `unix:///folder/csi.sock`. Default: the variable `CSI_ENDPOINT`. */
  readonly endpoint?: string;
  /** Which services this process serves, beside Identity. Default: `all` that the driver has. */
  readonly mode?: CsiMode;
  /**
   * Which parts run in this process beside the driver, once it is ready; each is started again when it fails. Default: none,
   * and with a `kubeconfig`, or options without `parts`, those that the driver needs in this mode.
   */
  readonly embed?: readonly CsiPart[] | EmbedOptions;
  /** Path of a kubeconfig. Default: in a pod its service account is used. */
  readonly kubeconfig?: string;
  /** The kubelet's folder, where the part `registrar` registers the driver. Default: the definition's. */
  readonly kubeletDir?: string;
  /** The node's name, which controllers of a driver with `distributed` need. */
  readonly nodeName?: string;
  /** Port on the loopback address whose `/healthz` asks the driver's Probe; 0 takes any free one. Default: none. */
  readonly livenessPort?: number;
  /**
   * Where `/healthz`, `/readyz`, `/extensions` and `/metrics` are served, from the start; ready is who serves, and whose parts
   * do. Default: nowhere.
   */
  readonly health?: HealthOptions;
  readonly io?: CsiIo;
  /** Stops the driver. Default: aborts on SIGTERM and SIGINT. */
  readonly signal?: AbortSignal;
  /** Default: lines of JSON, from level `info`. */
  readonly log?: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Where calls are counted and measured. Default: with `health` a registry that it shows, else nowhere. */
  readonly metrics?: Metrics;
  /** Whether an answer of a handler that CSI does not allow fails its call, instead of being logged. Default: false. */
  readonly development?: boolean;
  /** How long calls at work may take to finish, in milliseconds. Default: 10 s. */
  readonly graceMs?: number;
}

/**
 * Serves a driver on a Unix socket, and resolves once it listens; `ready` tells when its `init` is done.
 *
 * @throws KxError `KX_CSI_ENDPOINT`, and those of listening and of `runHost`.
 */
export async function runCsiDriver(driver: CsiDriver, options: RunCsiOptions = {}): Promise<RunningCsi> {
  const { io = {}, mode = "all", clock, health, development, graceMs } = options;
  const { env = process.env, stderr } = io;
  const log = options.log ?? createLogger(stderr === undefined ? {} : { stream: stderr });
  const endpoint = options.endpoint ?? env["CSI_ENDPOINT"] ?? "";
  const metrics = options.metrics ?? (health === undefined ? undefined : await createMetrics({ process: true }));
  const watch = options.signal === undefined ? processSignal() : { signal: options.signal, end: () => undefined };
  try {
    const running = await startCsiDriver(driver.definition, {
      endpoint,
      mode,
      log,
      clock,
      metrics,
      graceMs,
      isStrict: development,
    });
    try {
      const companions = await startCompanions(driver, running, { ...options, endpoint, mode, env, log, metrics });
      return stopWith(running, companions, watch);
    } catch (error) {
      await running.stop();
      throw error;
    }
  } catch (error) {
    watch.end();
    throw error;
  }
}

interface Watch {
  readonly signal: AbortSignal;
  readonly end: () => void;
}

function stopWith(running: RunningCsiDriver, companions: Companions, { signal, end }: Watch): RunningCsi {
  const stopAll = async (): Promise<GrpcStopped> => {
    await companions.stop();
    return await running.stop();
  };
  const onAbort = (): void => void stopAll();
  const stop = async (): Promise<GrpcStopped> => {
    signal.removeEventListener("abort", onAbort);
    end();
    return await stopAll();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return { ...running, healthUrl: companions.healthUrl, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

/** Aborts when the process is asked to end; it does end, as soon as the driver has stopped and nothing is left to do. */
function processSignal(): Watch {
  const controller = new AbortController();
  const onSignal = (): void => {
    end();
    controller.abort();
  };
  const end = (): void => void process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  return { signal: controller.signal, end };
}
