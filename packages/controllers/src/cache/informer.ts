import type { Clock, Logger } from "@kx/core";
import { type Cached, keyOf, type ObjectKey, type ObjectLike, type Resource, type Stored } from "../api/resource.ts";
import { type ReflectOptions, reflect, type Sink } from "./reflect.ts";
import { createSharer } from "./share.ts";
import { createStore, type IndexBy } from "./store.ts";

/** Who wants to hear of changes. Called in order, one after the other; must return quickly. */
export interface InformerHandler<T extends ObjectLike> {
  /** `initial` tells that the object was there when the informer, or the subscription, began. */
  added?(object: Cached<T>, initial: boolean): void;
  /** Also called at each resync, then with the same object twice. */
  updated?(object: Cached<T>, old: Cached<T>): void;
  /** `missed` tells that the deletion itself was not seen, so that `last` may not be the object's last state. */
  deleted?(last: Cached<T>, missed: boolean): void;
}

/** Options of a subscription. */
export interface SubscribeOptions {
  /** How often every object is reported as updated although nothing changed. Default: never. */
  readonly resyncMs?: number | undefined;
}

/**
 * A local copy of a resource, kept up to date by a watch. Its objects are shared by all readers, and equal parts of them by
 * several objects: all are frozen.
 */
export interface Informer<T extends ObjectLike> {
  readonly resource: Resource<T>;
  get(key: ObjectKey): Cached<T> | undefined;
  list(namespace?: string): readonly Cached<T>[];
  /** Keeps objects findable by values computed from them. A name that is taken is defined anew. */
  index(name: string, by: IndexBy<T>): void;
  /** The objects with a value in an index. Throws KX_CACHE_NO_INDEX if there is no such index. */
  byIndex(name: string, value: string): readonly Cached<T>[];
  /** Whether the first list has been read. */
  readonly synced: boolean;
  /** Resolves when the first list has been read. */
  untilSynced(signal?: AbortSignal): Promise<void>;
  /** Hears first of every object that is there already. Returns what ends the subscription. */
  subscribe(handler: InformerHandler<T>, options?: SubscribeOptions): () => void;
  /** Follows the resource until the signal aborts; failures are logged and tried again. */
  run(signal: AbortSignal): Promise<void>;
}

interface Subscription<T extends ObjectLike> {
  readonly handler: InformerHandler<T>;
  readonly resyncMs: number | undefined;
  nextResyncAt: number;
}

/** An informer of its own; use a cache to share one. */
export function createInformer<T extends ObjectLike>(options: ReflectOptions<T>): Informer<T> {
  const { resource, clock } = options;
  const store = createStore<T>();
  const sharer = createSharer();
  const subscriptions = new Set<Subscription<T>>();
  const firstList = Promise.withResolvers<void>();
  let synced = false;
  let rescheduled = new AbortController();

  /** Keys seen by the list that is being read. */
  let listed: Set<ObjectKey> | undefined;

  const tell = (report: (handler: InformerHandler<T>) => void) => {
    for (const { handler } of subscriptions) guarded(options.log, () => report(handler));
  };
  const put = (object: Stored<T>, key: ObjectKey) => {
    const fresh = object as Cached<T>;
    sharer.share(fresh, store.get(key));
    const old = store.set(key, fresh);
    if (old === undefined) return tell((handler) => handler.added?.(fresh, !synced));
    // The same name with another uid is another object: the deletion between the two was not seen.
    if (old.metadata.uid !== fresh.metadata.uid) {
      tell((handler) => handler.deleted?.(old, true));
      return tell((handler) => handler.added?.(fresh, false));
    }
    if (old.metadata.resourceVersion !== fresh.metadata.resourceVersion) {
      tell((handler) => handler.updated?.(fresh, old));
    }
  };
  const remove = (key: ObjectKey, last: Cached<T>, missed: boolean) => {
    sharer.share(last, store.get(key));
    store.delete(key);
    tell((handler) => handler.deleted?.(last, missed));
  };

  const sink: Sink<T> = {
    begin() {
      listed = new Set();
    },
    add(object) {
      const key = keyOf(object);
      listed?.add(key);
      put(object, key);
    },
    end() {
      for (const key of store.keys()) {
        const old = store.get(key);
        if (old !== undefined && listed?.has(key) === false) remove(key, old, true);
      }
      listed = undefined;
      sharer.forget();
      synced = true;
      firstList.resolve();
    },
    bookmark: () => sharer.forget(),
    apply({ type, object }) {
      const key = keyOf(object);
      if (type === "DELETED") remove(key, object as Cached<T>, false);
      else put(object, key);
    },
  };

  return {
    resource,
    get: (key) => store.get(key),
    list: (namespace) => store.list(namespace),
    index: (name, by) => store.index(name, by),
    byIndex: (name, value) => store.byIndex(name, value),
    get synced() {
      return synced;
    },
    untilSynced: (signal) => (signal === undefined ? firstList.promise : orAborted(firstList.promise, signal)),
    subscribe(handler, { resyncMs } = {}) {
      const nextResyncAt = resyncMs === undefined ? Number.POSITIVE_INFINITY : clock.now() + resyncMs;
      const subscription: Subscription<T> = { handler, resyncMs, nextResyncAt };
      for (const object of store.list()) guarded(options.log, () => handler.added?.(object, true));
      subscriptions.add(subscription);
      rescheduled.abort();
      return () => subscriptions.delete(subscription);
    },
    async run(signal) {
      await Promise.all([reflect(options, sink, signal), resync(signal)]);
    },
  };

  async function resync(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const due = Math.min(...[...subscriptions].map((s) => s.nextResyncAt));
      rescheduled = new AbortController();
      await sleepUntil(due, clock, AbortSignal.any([signal, rescheduled.signal]));
      for (const subscription of subscriptions) {
        if (subscription.nextResyncAt > clock.now() || subscription.resyncMs === undefined) continue;
        subscription.nextResyncAt = clock.now() + subscription.resyncMs;
        for (const object of store.list()) {
          guarded(options.log, () => subscription.handler.updated?.(object, object));
        }
      }
    }
  }
}

/** A handler's failure is its own: the others, and the cache, go on. */
function guarded(log: Logger, report: () => void): void {
  try {
    report();
  } catch (error) {
    log.error({ err: error }, "informer handler failed");
  }
}

async function sleepUntil(at: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (at === Number.POSITIVE_INFINITY)
    await orAborted(new Promise<never>(() => undefined), signal).catch(() => undefined);
  else await clock.sleep(Math.max(0, at - clock.now()), signal).catch(() => undefined);
}

function orAborted<V>(promise: Promise<V>, signal: AbortSignal): Promise<V> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
