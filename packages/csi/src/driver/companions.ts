import { type Clock, type Logger, type Runnable, systemClock } from "@kx/core";
import { type HostedExtension, type Running, runHost } from "@kx/core/host";
import type { Metrics } from "@kx/core/metrics";
import type { SidecarPart } from "../controllers/sidecars.ts";
import { createLiveness } from "../registrar/liveness.ts";
import { createRegistrar } from "../registrar/registrar.ts";
import { type CsiMode, hasController, hasNode } from "./capabilities.ts";
import type { CsiDriver } from "./csi-driver.ts";
import { embeddedControllers } from "./embedded-controllers.ts";
import { socketPathOf } from "./endpoint.ts";
import type { RunningCsiDriver } from "./start-csi-driver.ts";

/** What can run in a driver's process beside it: what registers it with the kubelet, and its controllers. */
export type CsiPart = "registrar" | SidecarPart;

/** All of them. */
export const csiParts: readonly CsiPart[] = [
  "registrar",
  "provisioner",
  "capacity",
  "attacher",
  "resizer",
  "snapshotter",
  "health-monitor",
];

/** What the companions of a driver are started with. */
export interface CompanionOptions {
  readonly endpoint: string;
  readonly mode: CsiMode;
  readonly embed?: readonly CsiPart[];
  readonly kubeconfig?: string;
  readonly kubeletDir?: string;
  readonly livenessPort?: number;
  readonly nodeName?: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
}

/** What runs beside a driver. */
export interface Companions {
  stop(): Promise<void>;
}

/** Runs what a driver has beside it from the moment at which it is ready, each part again when it fails. */
export function startCompanions(driver: CsiDriver, running: RunningCsiDriver, options: CompanionOptions): Companions {
  const { log, clock = systemClock, kubeconfig } = options;
  const extensions = companionsOf(driver, running, options, clock);
  if (extensions.length === 0) return { stop: async () => undefined };
  let isStopping = false;
  const host = running.ready.then(
    (): Promise<Running> | undefined =>
      isStopping ? undefined : runHost({ role: "controller", extensions, log, clock, kubeconfig }),
    () => undefined,
  );
  return {
    async stop() {
      isStopping = true;
      await (await host)?.stop();
    },
  };
}

function companionsOf(
  driver: CsiDriver,
  running: RunningCsiDriver,
  options: CompanionOptions,
  clock: Clock,
): readonly HostedExtension[] {
  const { definition, kind, name, version } = driver;
  const { mode, log, metrics, nodeName, kubeconfig } = options;
  const isOnNode = mode !== "controller" && hasNode(definition);
  const hasControllers = mode !== "node" && hasController(definition);
  const { embed } = options;
  const isNeeded = kubeconfig !== undefined;
  const own = localParts(driver, embed?.includes("registrar") ?? (isNeeded && isOnNode), options, clock);
  const named = embed?.filter((part) => part !== "registrar");
  const env = {
    log,
    clock,
    ...(metrics === undefined ? {} : { metrics }),
    ...(nodeName === undefined ? {} : { nodeName }),
  };
  const wanted = named === undefined ? isNeeded && hasControllers : named.length > 0;
  return [
    ...(own.length === 0 ? [] : [{ kind, name, version, parts: () => own, manifests: () => [] }]),
    ...(wanted ? embeddedControllers(driver, () => running.services, env, named) : []),
  ];
}

function localParts(
  { definition }: CsiDriver,
  isRegistered: boolean,
  options: CompanionOptions,
  clock: Clock,
): readonly Runnable[] {
  const { endpoint, log, livenessPort, kubeletDir = definition.kubeletDir } = options;
  const { name: driverName } = definition;
  const socketPath = socketPathOf(endpoint);
  const folder = kubeletDir === undefined ? {} : { kubeletDir };
  return [
    ...(isRegistered ? [createRegistrar({ driverName, socketPath, log, clock, ...folder })] : []),
    ...(livenessPort === undefined ? [] : [createLiveness({ driverName, socketPath, port: livenessPort, log })]),
  ];
}
