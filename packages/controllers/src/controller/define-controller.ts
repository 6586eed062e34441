import {
  type Context,
  didYouMean,
  type Extension,
  type KubeObject,
  KxError,
  type MetricFamily,
  type RenderEnv,
} from "@kx/core";
import type { Cached, ObjectKey, ObjectLike, ObjectRef, Resource } from "../api/resource.ts";
import type { CacheReader } from "../cache/cache.ts";
import type { CacheSelection } from "../cache/selection.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder, EventsApi } from "../events/recorder.ts";
import type { OverallRate } from "../queue/rate-limit.ts";
import type { WorkQueue } from "../queue/work-queue.ts";
import { controllerManifests } from "./manifests.ts";
import type { Predicate } from "./predicates.ts";
import type { Result } from "./result.ts";
import { controllerParts } from "./runtime.ts";
import type { CacheIndex, OwnedResource, WatchedResource } from "./watched.ts";

/** What is to be brought into its desired state. */
export interface ReconcileRequest<T extends ObjectLike> {
  readonly key: ObjectKey;
  readonly ref: ObjectRef;
  /** From the cache: read-only, and maybe a moment old. Undefined after deletion. */
  readonly object: Cached<T> | undefined;
}

/**
 * What a reconcile works with. `signal` aborts when its time is up: the `reconcileTimeoutMs` (then `deadline` tells when),
 * the `drainMs` after the controller was stopped, or the leadership of this replica.
 */
export interface ReconcileContext extends Context {
  readonly client: Client;
  /** Holds the resources of `for`, `owns` and `watches`. */
  readonly cache: CacheReader;
  readonly events: EventRecorder;
}

/** A controller as its author writes it. */
export interface ControllerDefinition<T extends ObjectLike> {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  /** The extension's version. Default: `0.0.0`. */
  readonly version?: string;
  /** Field manager of changes and source of events. Default: the name. */
  readonly component?: string;
  readonly for: Resource<T>;
  /** Which objects of `for` are cached and reconciled. Default: all. */
  readonly select?: CacheSelection;
  /** All must hold for a change of an object of `for` to reconcile it. Default: every change does. */
  readonly predicates?: readonly Predicate<T>[];
  /** A change of such an object reconciles its controller. */
  readonly owns?: readonly (Resource | OwnedResource)[];
  /** Other resources whose changes reconcile what a function says; entries are made by `watch`. */
  readonly watches?: readonly WatchedResource[];
  /** Indexes of the cached resources; entries are made by `index`. */
  readonly indexes?: readonly CacheIndex[];
  /** How often every object is reconciled although nothing changed. Default: never. */
  readonly resyncMs?: number;
  /**
   * Priority in the queue of what was there at the start; that of changes is 0. Default: -100, so that changes need not
   * wait. A controller whose own work brings many changes, as each makes objects that it owns, is done sooner with 0.
   */
  readonly initialPriority?: number;
  /** Objects reconciled at the same time; never the same one twice. Default: 1. */
  readonly concurrency?: number;
  /** How long an object waits after a failure, and at most after many, in milliseconds. Default: 5 and 1,000,000. */
  readonly retryBackoff?: { readonly baseMs: number; readonly maxMs: number };
  /** A rate for all tries after failures together, beside the back-off of each object. Default: none. */
  readonly retryRate?: OverallRate;
  /** How long a reconcile may take, in milliseconds, until its signal aborts. Default: without bound. */
  readonly reconcileTimeoutMs?: number;
  /** How long reconciles may go on, in milliseconds, after the controller was stopped. Default: 5,000. */
  readonly drainMs?: number;
  /** The API that events are written by. Default: `events.k8s.io/v1`. */
  readonly eventsApi?: EventsApi;
  reconcile(request: ReconcileRequest<T>, ctx: ReconcileContext): Promise<Result>;
  /** More objects that a cluster needs, beside the CRD of `for` and the ClusterRole. */
  manifests?(env: RenderEnv): readonly KubeObject[];
}

/** A controller that a host can run. */
export interface Controller<T extends ObjectLike> extends Extension {
  readonly kind: "controller";
  readonly definition: Readonly<ControllerDefinition<T>>;
  /** The present values of its metrics, named as client-go's; none before it runs. */
  metrics(): readonly MetricFamily[];
}

const knownKeys: Readonly<Record<keyof ControllerDefinition<ObjectLike>, true>> = {
  name: true,
  version: true,
  component: true,
  for: true,
  select: true,
  predicates: true,
  owns: true,
  watches: true,
  indexes: true,
  resyncMs: true,
  initialPriority: true,
  concurrency: true,
  retryBackoff: true,
  retryRate: true,
  reconcileTimeoutMs: true,
  drainMs: true,
  eventsApi: true,
  reconcile: true,
  manifests: true,
};

/** Makes a controller of its definition. Does nothing yet: a host starts its parts. */
export function defineController<T extends ObjectLike>(definition: ControllerDefinition<T>): Controller<T> {
  validate(definition);
  const bound = bind(definition);
  let queue: WorkQueue | undefined;
  const started = (fresh: WorkQueue) => {
    queue = fresh;
  };
  return Object.freeze({
    kx: 1,
    kind: "controller",
    name: bound.name,
    version: bound.version ?? "0.0.0",
    definition: bound,
    parts: (env) => (env.role === "controller" ? controllerParts(bound, env, started) : []),
    manifests: (env) => controllerManifests(bound, env),
    metrics: () => queue?.metrics() ?? [],
  } satisfies Controller<T>);
}

/** Copies by property access, so that getters and inherited methods count, and binds methods to their object. */
function bind<T extends ObjectLike>(definition: ControllerDefinition<T>): Readonly<ControllerDefinition<T>> {
  const given: Record<string, unknown> = {};
  for (const key of Object.keys(knownKeys) as (keyof ControllerDefinition<T>)[]) {
    if (definition[key] !== undefined) given[key] = definition[key];
  }
  return Object.freeze({
    ...given,
    reconcile: definition.reconcile.bind(definition),
    ...(definition.manifests === undefined ? {} : { manifests: definition.manifests.bind(definition) }),
  } as ControllerDefinition<T>);
}

function validate<T extends ObjectLike>(definition: ControllerDefinition<T>): void {
  const known = Object.keys(knownKeys);
  // An instance of a class may have fields of its own; a mistyped literal may not.
  const isLiteral = Object.getPrototypeOf(definition) === Object.prototype;
  for (const key of isLiteral ? Object.keys(definition) : []) {
    if (known.includes(key)) continue;
    const meant = didYouMean(key, known);
    throw invalid(
      `has no field "${key}"`,
      meant === undefined ? `known are ${known.join(", ")}` : `did you mean ${meant}?`,
    );
  }
  if (typeof definition.name !== "string" || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(definition.name)) {
    throw invalid(`cannot be named ${JSON.stringify(definition.name)}`, "use lower-case letters, digits and dashes");
  }
  if (definition.for?.plural === undefined) {
    throw invalid(`"${definition.name}" has no resource in "for"`, "import one, or make one with defineResource");
  }
  if (typeof definition.reconcile !== "function")
    throw invalid(`"${definition.name}" has no reconcile`, "add the function");
  const { concurrency = 1 } = definition;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw invalid(`has concurrency: ${concurrency}`, "give a whole number from 1");
  }
  for (const field of ["resyncMs", "reconcileTimeoutMs", "drainMs"] as const) {
    const ms = definition[field] ?? 1;
    if (!(ms > 0)) throw invalid(`has ${field}: ${ms}`, "give milliseconds above 0, or leave it out");
  }
  for (const entry of definition.watches ?? []) {
    if (typeof entry.map === "function" && entry.resource?.plural !== undefined) continue;
    throw invalid(
      `"${definition.name}" has an entry in "watches" without resource or map`,
      "make entries with watch()",
    );
  }
}

function invalid(what: string, remedy: string): KxError {
  return new KxError("KX_CONTROLLER_INVALID", `a controller ${what}`, { remedy });
}
