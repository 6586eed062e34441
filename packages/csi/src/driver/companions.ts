import { type Clock, type Extension, type Logger, type Runnable, systemClock } from "@kx/core";
import { type HealthOptions, type HostedExtension, runHost } from "@kx/core/host";
import type { Metrics } from "@kx/core/metrics";
import { startsAfter } from "../controllers/gated.ts";
import { given } from "../given.ts";
import { createLiveness } from "../registrar/liveness.ts";
import { createRegistrar } from "../registrar/registrar.ts";
import { type CsiMode, hasController, hasNode } from "./capabilities.ts";
import type { CsiDriver } from "./csi-driver.ts";
import { type CsiPart, type EmbedOptions, embedOptionsOf, underLease } from "./embed-options.ts";
import { embeddedControllers } from "./embedded-controllers.ts";
import { socketPathOf } from "./endpoint.ts";
import type { RunningCsiDriver } from "./start-csi-driver.ts";
import { untilAborted } from "./until-aborted.ts";

/** What the companions of a driver are started with. */
export interface CompanionOptions {
  readonly endpoint: string;
  readonly mode: CsiMode;
  readonly embed?: readonly CsiPart[] | EmbedOptions;
  readonly kubeconfig?: string;
  readonly kubeletDir?: string;
  readonly livenessPort?: number;
  readonly health?: HealthOptions;
  readonly nodeName?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly metrics?: Metrics | undefined;
}

/** What runs beside a driver. */
export interface Companions {
  /** Where its health is, without a path; undefined if that was not asked for. */
  readonly healthUrl: string | undefined;
  stop(): Promise<void>;
}

/**
 * Runs what a driver has beside it: its health at once, all else from the moment at which it is ready, each part again when it
 * fails.
 */
export async function startCompanions(
  driver: CsiDriver,
  running: RunningCsiDriver,
  options: CompanionOptions,
): Promise<Companions> {
  const { log, clock = systemClock, kubeconfig, health, metrics } = options;
  const extensions = [...ownExtensions(driver, running, options, clock), ...controllersOf(driver, running, options)];
  if (extensions.length === 0) return { healthUrl: undefined, stop: async () => undefined };
  const host = await runHost({
    role: "controller",
    extensions,
    log,
    clock,
    kubeconfig,
    ...(health === undefined ? {} : { health }),
    ...(metrics === undefined ? {} : { metrics }),
  });
  running.ready.catch(() => host.stop());
  return { healthUrl: host.healthUrl, stop: async () => void (await host.stop()) };
}

function controllersOf(
  driver: CsiDriver,
  running: RunningCsiDriver,
  options: CompanionOptions,
): readonly HostedExtension[] {
  const { mode, log, clock = systemClock, metrics, nodeName, kubeconfig, env } = options;
  const { parts, leaderElection, lease, ...how } = embedOptionsOf(options.embed);
  const named = parts?.filter((part) => part !== "registrar");
  const isWanted = named === undefined ? embedsByDefault(options) && mode !== "node" : named.length > 0;
  if (!isWanted || !hasController(driver.definition)) return [];
  const hostEnv = { log, clock, metrics, nodeName };
  const sidecars = { ...how, ...(named === undefined ? {} : { parts: named }) };
  const controllers = embeddedControllers(driver, () => running.services, hostEnv, sidecars);
  const isOfNode = driver.definition.distributed !== undefined;
  const election = given({ leaderElection: isOfNode ? false : leaderElection, lease });
  const elected = underLease(controllers, election, { driverName: driver.name, kubeconfig, env });
  return elected.map((extension) => startsAfter(running.ready, extension));
}

function ownExtensions(
  { definition, kind, name, version }: CsiDriver,
  { ready }: RunningCsiDriver,
  options: CompanionOptions,
  clock: Clock,
): readonly Extension[] {
  const { endpoint, mode, log, livenessPort, health, kubeletDir = definition.kubeletDir } = options;
  const { parts: named } = embedOptionsOf(options.embed);
  const isOnNode = mode !== "controller" && hasNode(definition);
  const isRegistered = named?.includes("registrar") ?? (embedsByDefault(options) && isOnNode);
  const socketPath = socketPathOf(endpoint);
  const folder = kubeletDir === undefined ? {} : { kubeletDir };
  const local: readonly Runnable[] = [
    ...(isRegistered ? [createRegistrar({ driverName: name, socketPath, log, clock, ...folder })] : []),
    ...(livenessPort === undefined ? [] : [createLiveness({ driverName: name, socketPath, port: livenessPort, log })]),
  ];
  if (local.length === 0 && health === undefined) return [];
  return [{ kx: 1, kind, name, version, parts: () => [readiness(ready), ...local], manifests: () => [] }];
}

/** Tells by its own readiness whether the driver is ready; the other parts of its extension start after it. */
function readiness(isReady: Promise<void>): Runnable {
  return {
    name: "driver",
    group: "health",
    async start(signal, ready) {
      await Promise.race([isReady, untilAborted(signal)]);
      if (!signal.aborted) ready();
      await untilAborted(signal);
    },
  };
}

/** With a cluster at hand, or options for what runs, a driver has beside it what it needs. */
function embedsByDefault({ embed, kubeconfig }: CompanionOptions): boolean {
  return kubeconfig !== undefined || embed !== undefined;
}
