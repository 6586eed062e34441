import type { Clock, Logger } from "@kx/core";
import type { GrpcStopped } from "@kx/core/grpc";
import { createLogger } from "@kx/core/log";
import type { Metrics } from "@kx/core/metrics";
import type { CsiMode } from "./capabilities.ts";
import { type Companions, type CsiPart, startCompanions } from "./companions.ts";
import type { CsiDriver } from "./csi-driver.ts";
import { type RunningCsiDriver, startCsiDriver } from "./start-csi-driver.ts";

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
   * and with a `kubeconfig` those that the driver needs in this mode.
   */
  readonly embed?: readonly CsiPart[];
  /** Path of a kubeconfig. Default: in a pod its service account is used. */
  readonly kubeconfig?: string;
  /** The kubelet's folder, where the part `registrar` registers the driver. Default: the definition's. */
  readonly kubeletDir?: string;
  /** The node's name, which controllers of a driver with `distributed` need. */
  readonly nodeName?: string;
  /** Port on the loopback address whose `/healthz` asks the driver's Probe; 0 takes any free one. Default: none. */
  readonly livenessPort?: number;
  readonly io?: CsiIo;
  /** Stops the driver. Default: aborts on SIGTERM and SIGINT. */
  readonly signal?: AbortSignal;
  /** Default: lines of JSON, from level `info`. */
  readonly log?: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Where calls are counted and measured. Default: nowhere. */
  readonly metrics?: Metrics;
  /** Whether an answer of a handler that CSI does not allow fails its call, instead of being logged. Default: false. */
  readonly development?: boolean;
  /** How long calls at work may take to finish, in milliseconds. Default: 10 s. */
  readonly graceMs?: number;
}

/**
 * Serves a driver on a Unix socket, and resolves once it listens; `ready` tells when its `init` is done.
 *
 * @throws KxError `KX_CSI_ENDPOINT`, and those of listening.
 */
export async function runCsiDriver(driver: CsiDriver, options: RunCsiOptions = {}): Promise<RunningCsiDriver> {
  const { io = {}, mode = "all", clock, metrics, development, graceMs } = options;
  const { env = process.env, stderr } = io;
  const log = options.log ?? createLogger(stderr === undefined ? {} : { stream: stderr });
  const endpoint = options.endpoint ?? env["CSI_ENDPOINT"] ?? "";
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
    const companions = startCompanions(driver, running, { ...options, endpoint, mode, log });
    return stopWith(running, companions, watch);
  } catch (error) {
    watch.end();
    throw error;
  }
}

interface Watch {
  readonly signal: AbortSignal;
  readonly end: () => void;
}

function stopWith(running: RunningCsiDriver, companions: Companions, { signal, end }: Watch): RunningCsiDriver {
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
  return { ...running, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
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
