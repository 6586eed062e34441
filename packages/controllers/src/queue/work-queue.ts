import type { Clock, MetricFamily } from "@kx/core";
import { createDelays } from "./delays.ts";
import { createQueueMetrics } from "./metrics.ts";
import type { RateLimiter } from "./rate-limit.ts";
import { createReadyKeys } from "./ready-keys.ts";

/** The priority of what nobody waits for: objects of the first list, and resyncs. That of all else is 0. */
export const lowPriority = -100;

/** Keys waiting for a worker: each at most once, and never with two workers at a time. */
export interface WorkQueue {
  /** Adds a key now. A key that a worker has is queued again when the worker is done. `priority` defaults to 0. */
  add(key: string, priority?: number): void;
  /** Adds a key after `ms` milliseconds; an earlier time wins over a later one. */
  addAfter(key: string, ms: number): void;
  /** Adds a key after a failure, when the rate limiter allows. */
  addRateLimited(key: string): void;
  /** Tells the rate limiter that a key has succeeded. */
  forget(key: string): void;
  /** The next key, which must be given back by `done`; undefined once the queue is shut down, or the signal aborts. */
  get(signal?: AbortSignal): Promise<string | undefined>;
  done(key: string): void;
  /** Takes no more keys, and wakes everyone who waits for one. */
  shutDown(): void;
  /** Keys ready for a worker. */
  readonly length: number;
  /** The present values of client-go's workqueue_* metrics. */
  metrics(): readonly MetricFamily[];
}

/** What a queue needs. */
export interface WorkQueueOptions {
  /** Value of the label `name` of its metrics. Default: empty. */
  readonly name?: string;
  readonly clock: Clock;
  readonly limiter: RateLimiter;
}

/** A queue whose failed keys wait as the limiter says. */
export function createWorkQueue({ name = "", clock, limiter }: WorkQueueOptions): WorkQueue {
  const ready = createReadyKeys();
  const processing = new Set<string>();
  /** Keys added while a worker had them, and their priorities. */
  const dirty = new Map<string, number>();
  const getters = new Set<(key: string | undefined) => void>();
  const metrics = createQueueMetrics(name, clock);
  const delayed = createDelays(clock, (key) => queue.add(key));
  let closed = false;

  const take = (): string | undefined => {
    const next = ready.take();
    if (next === undefined) return undefined;
    processing.add(next.key);
    metrics.taken(next.key);
    return next.key;
  };

  const queue: WorkQueue = {
    add(key, priority = 0) {
      if (closed) return;
      if (!ready.has(key) && !dirty.has(key)) metrics.added(key);
      if (processing.has(key)) {
        dirty.set(key, Math.max(priority, dirty.get(key) ?? priority));
        return;
      }
      ready.add(key, priority);
      const [getter] = getters;
      if (getter === undefined) return;
      getters.delete(getter);
      getter(take());
    },
    addAfter(key, ms) {
      if (closed) return;
      if (ms <= 0) queue.add(key);
      else delayed.set(key, clock.now() + ms);
    },
    addRateLimited(key) {
      metrics.retried();
      queue.addAfter(key, limiter.whenMs(key));
    },
    forget: (key) => limiter.forget(key),
    async get(signal) {
      if (closed || signal?.aborted === true) return undefined;
      const next = take();
      if (next !== undefined) return next;
      return await new Promise((resolve) => {
        const getter = (key: string | undefined) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(key);
        };
        const onAbort = () => {
          getters.delete(getter);
          resolve(undefined);
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        getters.add(getter);
      });
    },
    done(key) {
      processing.delete(key);
      metrics.finished(key);
      const priority = dirty.get(key);
      if (!dirty.delete(key) || closed) return;
      ready.add(key, priority ?? 0);
      const [getter] = getters;
      if (getter === undefined) return;
      getters.delete(getter);
      getter(take());
    },
    shutDown() {
      closed = true;
      delayed.clear();
      ready.clear();
      for (const getter of getters) getter(undefined);
      getters.clear();
    },
    get length() {
      return ready.size;
    },
    metrics: () => metrics.families(ready.size),
  };
  return queue;
}
