import type { Clock, Logger } from "../context.ts";
import { KxError } from "../error.ts";
import type { HostEnv, Runnable } from "../extension.ts";
import { createMetrics } from "../metrics/create-metrics.ts";
import { type MetricFamily, renderFamilies } from "../metrics/families.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { BackoffOptions } from "./backoff.ts";
import { type HealthOptions, serveHealth } from "./health.ts";
import { collectMetrics, type Measured } from "./host-metrics.ts";
import type { ExtensionStatus, HostedExtension } from "./hosted-extension.ts";
import { runParts } from "./lifecycle.ts";
import { createPart, type Part } from "./part.ts";
import { refuseTwins } from "./refuse-twins.ts";

/** What a host runs, and how. */
export interface RunHostOptions {
  /** Which half of each extension to run. */
  readonly role: HostEnv["role"];
  readonly extensions: readonly HostedExtension[];
  readonly log: Logger;
  readonly clock: Clock;
  /** Aborting it stops the host. Default: only `stop()` does. */
  readonly signal?: AbortSignal;
  /** Default: no health endpoint. */
  readonly health?: HealthOptions;
  /**
   * The host's own registry. `/metrics` of the health endpoint shows it, and what extensions measure with the label
   * `extension`. Default: there is no `/metrics`, and extensions are given no registry.
   */
  readonly metrics?: Metrics;
  /** The node's name, where role is `node`. */
  readonly nodeName?: string | undefined;
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string | undefined;
  /** How long a group waits for the groups before it, in milliseconds. Default: 30 s. */
  readonly readyTimeoutMs?: number;
  /** How long each group is given to stop, in milliseconds. Default: 10 s. */
  readonly stopTimeoutMs?: number;
  /** Waits between a runnable's restarts. */
  readonly backoff?: BackoffOptions;
}

/** A host at work. */
export interface Running extends AsyncDisposable {
  /** Resolves as soon as every runnable has become ready once. It stays open for ever if one never does. */
  readonly ready: Promise<void>;
  /** Resolves when the host has stopped. */
  readonly done: Promise<Stopped>;
  /** Without a path; undefined if no health endpoint was asked for. */
  readonly healthUrl: string | undefined;
  /** What each extension does, in the order of the host's configuration. */
  status(): readonly ExtensionStatus[];
  /** What `/metrics` shows, as data. */
  metrics(): Promise<readonly MetricFamily[]>;
  /** Stops everything, in reverse order; the same as aborting the host's signal, and resolves when that is done. */
  stop(): Promise<Stopped>;
}

/** How a host stopped. */
export interface Stopped {
  /** The runnables that did not stop in time; they may still be at work. */
  readonly unstopped: readonly string[];
}

/**
 * Runs the parts of extensions for one role, and resolves once they are being started. Groups start in order; a group
 * waits, with a bound, until those before it are ready, but a runnable never starts before the earlier groups of its own
 * extension are ready. A runnable that fails is restarted without disturbing others.
 *
 * @throws KxError `KX_HOST_EXTENSION_TWICE`, `KX_HOST_PARTS`, `KX_HOST_HEALTH_ADDRESS` or `KX_HOST_HEALTH_LISTEN`; nothing runs then.
 */
export async function runHost(options: RunHostOptions): Promise<Running> {
  const { log, clock, readyTimeoutMs = 30_000, stopTimeoutMs = 10_000 } = options;
  refuseTwins(options.extensions);
  const registries =
    options.metrics === undefined ? [] : await Promise.all(options.extensions.map(() => createMetrics()));
  const hosted = options.extensions.map((extension, index): Measured => {
    const registry = registries[index];
    return { extension, registry, parts: partsOf(extension, options, registry) };
  });
  const parts = hosted.flatMap((one) => one.parts);
  const stopping = new AbortController();
  const notReady = () => (stopping.signal.aborted ? ["the host is stopping"] : parts.flatMap((part) => part.notReady));
  const status = () => hosted.map((one) => statusOf(one.extension, one.parts));
  const metrics = () => collectMetrics(options.metrics, hosted, log);
  const text = async () => renderFamilies(await metrics());
  const view = { notReady, extensions: status, ...(options.metrics === undefined ? {} : { metrics: text }) };
  const health = options.health === undefined ? undefined : await serveHealth(options.health, view);

  const follow = () => stopping.abort(options.signal?.reason);
  if (options.signal?.aborted) follow();
  options.signal?.addEventListener("abort", follow, { once: true });

  const run = async (): Promise<Stopped> => {
    log.info({ role: options.role, runnables: parts.map((part) => part.name), healthUrl: health?.url }, "host started");
    const unstopped = await runParts(parts, { log, clock, readyTimeoutMs, stopTimeoutMs }, stopping.signal);
    options.signal?.removeEventListener("abort", follow);
    await health?.close();
    log.info({ unstopped }, "host stopped");
    return { unstopped };
  };
  const done = run();
  const stop = (): Promise<Stopped> => {
    stopping.abort(new DOMException("the host was asked to stop", "AbortError"));
    return done;
  };
  return {
    ready: Promise.all(parts.map((part) => part.ready)).then(() => undefined),
    done,
    healthUrl: health?.url,
    status,
    metrics,
    stop,
    [Symbol.asyncDispose]: () => stop().then(() => undefined),
  };
}

function partsOf(extension: HostedExtension, options: RunHostOptions, registry: Metrics | undefined): readonly Part[] {
  const { role, log, clock, backoff, nodeName, kubeconfig } = options;
  const env: HostEnv = {
    role,
    log: log.child({ extension: extension.name }),
    clock,
    ...(registry === undefined ? {} : { metrics: registry }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  };
  let runnables: readonly Runnable[];
  try {
    runnables = extension.parts(env);
  } catch (cause) {
    const why = KxError.from(cause).reason;
    throw new KxError("KX_HOST_PARTS", `extension ${extension.name} cannot be run as ${role}: ${why}`, { cause });
  }
  const care = { extension: extension.name, log: env.log, clock, ...(backoff === undefined ? {} : { backoff }) };
  return runnables.map((runnable) => createPart({ ...care, runnable }));
}

function statusOf({ name, version, kind, isolation }: HostedExtension, parts: readonly Part[]): ExtensionStatus {
  const child = parts.find((part) => part.child !== undefined)?.child;
  return {
    name,
    version,
    kind,
    isolation: isolation ?? "shared",
    isReady: parts.every((part) => part.notReady.length === 0),
    ...(child?.pid === undefined ? {} : { pid: child.pid }),
    ...(child?.rssBytes === undefined ? {} : { rssBytes: child.rssBytes }),
    runnables: parts.flatMap((part) => [part.status, ...(part.child?.runnables ?? [])]),
  };
}
