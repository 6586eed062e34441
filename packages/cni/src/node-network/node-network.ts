import { type Clock, KxError, type Logger, type Runnable } from "@kx/core";
import type { Metrics } from "@kx/core/metrics";
import { defaultDataDir } from "../host-local/config.ts";
import { startNetWorker } from "../net/net-calls.ts";
import type { Invoker } from "../runtime/invoke.ts";
import { createCniRuntime } from "../runtime/runtime.ts";
import { createGarbageCollector, type GarbageCollector } from "./collect-garbage.ts";
import { type ConflistFile, conflistFile } from "./conflist-file.ts";
import { createMeasures, type NodeNetworkMeasures } from "./measure.ts";
import type { ClusterFacts, NodeObjects, OpenNodeObjects } from "./node-objects.ts";
import { conflistName, rangesOf } from "./plan-conflist.ts";
import { planPoolUse, poolWarnings, readLeases } from "./pool-use.ts";
import { type SetUpTools, setUpNode, warningsOf } from "./set-up.ts";
import { type NodeNetworkOptions, type NodeNetworkSettings, settingsOf } from "./settings.ts";
import { createWarnings, type Warnings } from "./warnings.ts";

/** What the network of a node is made with. */
export interface NodeNetworkHost {
  /** The name of this machine's Node object. */
  readonly nodeName: string;
  readonly openObjects: OpenNodeObjects;
  readonly log: Logger;
  readonly clock: Clock;
  readonly kubeconfig?: string;
  /** Default: nothing is measured. */
  readonly metrics?: Metrics;
}

/** What others have changed is put right after so long, and what failed is tried again. */
const resyncMs = 30_000;
const retryMs = 2000;
const pluginTimeoutMs = 60_000;
/** Other plug-ins run programs such as iptables. */
const pluginPath = "/usr/sbin:/usr/bin:/sbin:/bin";
/** How often the addresses that are left are counted. */
const countMs = 5000;

/**
 * What makes plug-ins a network: the configuration of the container runtime, routes to the pods of other nodes, the node's
 * address for what leaves the cluster, and an end for what pods have left behind.
 */
export function createNodeNetwork(host: NodeNetworkHost, options: NodeNetworkOptions = {}): Runnable {
  return {
    name: "node-network",
    group: "worker",
    start: (signal, ready) => run(host, settingsOf(options), signal, ready),
  };
}

async function run(
  host: NodeNetworkHost,
  settings: NodeNetworkSettings,
  signal: AbortSignal,
  ready: () => void,
): Promise<void> {
  const { log, clock, nodeName, kubeconfig } = host;
  const conflist = conflistFile(settings.confDir, conflistName(settings.network));
  // That of an earlier life serves until the API server answers.
  if ((await conflist.read()) !== undefined) ready();
  await using objects = await host.openObjects({ log, clock, ...(kubeconfig === undefined ? {} : { kubeconfig }) });
  const measures = createMeasures(host.metrics);
  const warnings = createWarnings(log, (event) => objects.event(nodeName, event));
  const keeper = { host, tools: { settings, conflist, objects }, measures, warnings };
  await together(signal, (ending) => [
    keepUp(keeper, objects, ending, ready),
    collectForever(settings, host, collectorOf(settings, host), measures, ending),
    countForever(
      conflist,
      createWarnings(log, (event) => objects.event(nodeName, event)),
      measures,
      host,
      ending,
    ),
  ]);
}

/** Where one fails, the others end before that is told. */
async function together(signal: AbortSignal, start: (ending: AbortSignal) => Promise<void>[]): Promise<void> {
  const over = new AbortController();
  const work = start(AbortSignal.any([signal, over.signal]));
  try {
    await Promise.all(work);
  } finally {
    over.abort();
    await Promise.allSettled(work);
  }
}

interface Keeper {
  readonly host: NodeNetworkHost;
  readonly tools: Omit<SetUpTools, "net">;
  readonly measures: NodeNetworkMeasures;
  readonly warnings: Warnings;
}

/** Sets the node up at each change of the cluster's facts, and now and then without one. */
async function keepUp(keeper: Keeper, objects: NodeObjects, signal: AbortSignal, ready: () => void): Promise<void> {
  const { clock, log } = keeper.host;
  let facts: ClusterFacts | undefined;
  let changed = new AbortController();
  const following = objects.follow(signal, (now) => {
    facts = now;
    changed.abort();
  });
  const keep = async () => {
    while (!signal.aborted) {
      changed = new AbortController();
      let waitMs = resyncMs;
      try {
        if (facts !== undefined && (await setUpOnce(keeper, facts))) ready();
      } catch (error) {
        if (signal.aborted) return;
        log.error({ err: error }, "the node's network is not set up");
        keeper.measures.failed("setup");
        waitMs = retryMs;
      }
      await clock.sleep(waitMs, AbortSignal.any([signal, changed.signal])).catch(() => undefined);
    }
  };
  await Promise.all([following, keep()]);
}

/** @returns whether the node has a network. */
async function setUpOnce({ host, tools, measures, warnings }: Keeper, facts: ClusterFacts): Promise<boolean> {
  const own = facts.nodes.find(({ name }) => name === host.nodeName);
  if (own === undefined || own.podCidrs.length === 0) {
    const reason = own === undefined ? `there is no Node ${host.nodeName}` : "the Node has no spec.podCIDRs yet";
    host.log.info({ reason }, "waiting for the range of this node's pods");
    return false;
  }
  // Needed so seldom, and for so little, that it is not kept: a thread holds some 15 MB.
  await using net = await startNetWorker();
  const result = await setUpNode(own, facts, { ...tools, net });
  if (result.isNew) host.log.info({ podCidrs: own.podCidrs }, "network configuration written");
  warnings.update(warningsOf(result, facts.networkPolicies));
  const { unreachable, shadow, missing } = result;
  measures.facts({
    unreachable: unreachable.length,
    isShadowed: shadow !== undefined,
    isUninstalled: missing !== undefined,
    unenforced: facts.networkPolicies,
  });
  return missing === undefined;
}

function collectorOf(settings: NodeNetworkSettings, { log, clock }: NodeNetworkHost): GarbageCollector {
  const invoker: Invoker = { path: [settings.binDir], env: { PATH: pluginPath }, clock, timeoutMs: pluginTimeoutMs };
  const runtime = createCniRuntime({ ...invoker, cacheDir: settings.cacheDir });
  return createGarbageCollector({ settings, runtime, invoker, log });
}

/** Tells how many addresses are left, by the configuration that pods are made with. */
async function countForever(
  conflist: ConflistFile,
  warnings: Warnings,
  measures: NodeNetworkMeasures,
  { clock, log }: Pick<NodeNetworkHost, "clock" | "log">,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const text = await conflist.read();
      const pools = text === undefined ? [] : planPoolUse(rangesOf(text), await readLeases(defaultDataDir));
      warnings.update(poolWarnings(pools));
      measures.pools(pools);
    } catch (error) {
      // What somebody else has made of the configuration is put right elsewhere.
      log.debug({ err: error }, "addresses not counted");
    }
    await clock.sleep(countMs, signal).catch(() => undefined);
  }
}

async function collectForever(
  { gcSeconds, gcConfirmSeconds }: NodeNetworkSettings,
  { log, clock }: NodeNetworkHost,
  collector: GarbageCollector,
  measures: NodeNetworkMeasures,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    let waitMs = gcSeconds * 1000;
    try {
      const { removed, suspects } = await collector.collect(signal);
      measures.collected(removed);
      if (suspects > 0) waitMs = Math.min(waitMs, gcConfirmSeconds * 1000);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: KxError.from(error) }, "what is out of use was not all removed");
      measures.failed("gc");
      waitMs = Math.min(waitMs, gcConfirmSeconds * 1000);
    }
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}
