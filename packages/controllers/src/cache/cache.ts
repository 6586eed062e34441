import { type Clock, KxError, type Logger, systemClock } from "@kx/core";
import { apiVersionOf, type Cached, keyOf, type ObjectLike, type ObjectRef, type Resource } from "../api/resource.ts";
import type { Client } from "../client/client.ts";
import { createInformer, type Informer } from "./informer.ts";
import { type CacheSelection, selectionId } from "./selection.ts";

/** Reads from the cache: no request, and maybe a moment behind the API server. */
export interface CacheReader {
  /** Undefined if the object does not exist. Throws KX_CACHE_UNWATCHED for a resource that is not watched. */
  get<T extends ObjectLike>(resource: Resource<T>, ref: ObjectRef): Cached<T> | undefined;
  /** Throws KX_CACHE_UNWATCHED for a resource that is not watched. */
  list<T extends ObjectLike>(resource: Resource<T>, namespace?: string): readonly Cached<T>[];
  /** The objects with a value in an index. Throws KX_CACHE_UNWATCHED or KX_CACHE_NO_INDEX. */
  byIndex<T extends ObjectLike>(resource: Resource<T>, index: string, value: string): readonly Cached<T>[];
}

/** Informers, one for each resource and selection, shared by all who ask. */
export interface Cache {
  /**
   * The informer of a resource, of all objects unless a selection is given. Starts with the cache, or at once if that
   * runs.
   */
  informer<T extends ObjectLike>(resource: Resource<T>, selection?: CacheSelection): Informer<T>;
  /** Runs all informers until the signal aborts. Calls `ready` when those asked for before have read their first list. */
  run(signal: AbortSignal, ready?: () => void): Promise<void>;
}

/** What a cache needs. */
export interface CacheOptions {
  readonly client: Client;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Numbers from 0 to below 1. Default: Math.random. */
  readonly random?: () => number;
}

/** An empty cache. */
export function createCache({ client, log, clock = systemClock, random = Math.random }: CacheOptions): Cache {
  // The key holds the resource's identity, so each entry's object type is that of the Resource it was made from.
  const informers = new Map<string, Informer<never>>();
  const running: Promise<void>[] = [];
  let runSignal: AbortSignal | undefined;

  return {
    informer<T extends ObjectLike>(resource: Resource<T>, selection: CacheSelection = {}): Informer<T> {
      const id = selectionId(resource, selection);
      const known = informers.get(id);
      if (known !== undefined) return known as unknown as Informer<T>;
      const informer = createInformer<T>({ resource, selection, client, clock, log, random });
      informers.set(id, informer as unknown as Informer<never>);
      if (runSignal !== undefined) running.push(informer.run(runSignal));
      return informer;
    },
    async run(signal, ready) {
      runSignal = signal;
      const started = [...informers.values()];
      for (const informer of started) running.push(informer.run(signal));
      await Promise.all(started.map((informer) => informer.untilSynced(signal))).then(ready, () => undefined);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      await Promise.all(running);
    },
  };
}

/** Reads from these informers; of several of one resource, the first that may hold what is asked for. */
export function readerOf(informers: readonly Informer<never>[]): CacheReader {
  const watched = <T extends ObjectLike>(resource: Resource<T>): Informer<T> => {
    const informer = informers.find(
      (one) =>
        one.resource.plural === resource.plural &&
        one.resource.group === resource.group &&
        one.resource.version === resource.version &&
        (one.resource.metadataOnly === true) === (resource.metadataOnly === true),
    );
    if (informer !== undefined) return informer as unknown as Informer<T>;
    throw new KxError("KX_CACHE_UNWATCHED", `the cache does not hold ${apiVersionOf(resource)} ${resource.plural}`, {
      remedy: "name the resource in `for`, `owns` or `watches`, or read it with the client",
    });
  };
  return {
    get: (resource, ref) => watched(resource).get(keyOf(ref)),
    list: (resource, namespace) => watched(resource).list(namespace),
    byIndex: (resource, index, value) => watched(resource).byIndex(index, value),
  };
}
