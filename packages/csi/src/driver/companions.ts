import { type Clock, type Logger, type Runnable, systemClock } from "@kx/core";
import { type Running, runHost } from "@kx/core/host";
import { createLiveness } from "../registrar/liveness.ts";
import { createRegistrar } from "../registrar/registrar.ts";
import { type CsiMode, hasNode } from "./capabilities.ts";
import type { CsiDriver } from "./csi-driver.ts";
import { socketPathOf } from "./endpoint.ts";
import type { RunningCsiDriver } from "./start-csi-driver.ts";

/** What can run in a driver's process beside it. */
export type CsiPart = "registrar";

/** What the companions of a driver are started with. */
export interface CompanionOptions {
  readonly endpoint: string;
  readonly mode: CsiMode;
  readonly embed?: readonly CsiPart[];
  readonly kubeconfig?: string;
  readonly kubeletDir?: string;
  readonly livenessPort?: number;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** What runs beside a driver. */
export interface Companions {
  stop(): Promise<void>;
}

/** Runs what a driver has beside it from the moment at which it is ready, each part again when it fails. */
export function startCompanions(driver: CsiDriver, running: RunningCsiDriver, options: CompanionOptions): Companions {
  const { name, version, kind } = driver;
  const { log, clock = systemClock, mode } = options;
  const parts = companionsOf(driver, options, clock);
  if (parts.length === 0) return { stop: async () => undefined };
  let isStopping = false;
  const host = running.ready.then(
    (): Promise<Running> | undefined => {
      if (isStopping) return undefined;
      const extension = { kind, name, version, parts: () => parts, manifests: () => [] };
      return runHost({ role: mode === "controller" ? "controller" : "node", extensions: [extension], log, clock });
    },
    () => undefined,
  );
  return {
    async stop() {
      isStopping = true;
      await (await host)?.stop();
    },
  };
}

function companionsOf({ definition }: CsiDriver, options: CompanionOptions, clock: Clock): readonly Runnable[] {
  const { endpoint, mode, log, livenessPort, kubeletDir = definition.kubeletDir } = options;
  const { name: driverName } = definition;
  const socketPath = socketPathOf(endpoint);
  const isOnNode = mode !== "controller" && hasNode(definition);
  const { embed = options.kubeconfig !== undefined && isOnNode ? ["registrar"] : [] } = options;
  const folder = kubeletDir === undefined ? {} : { kubeletDir };
  return [
    ...(embed.includes("registrar") ? [createRegistrar({ driverName, socketPath, log, clock, ...folder })] : []),
    ...(livenessPort === undefined ? [] : [createLiveness({ driverName, socketPath, port: livenessPort, log })]),
  ];
}
