import { type HostEnv, KxError, type Runnable } from "@kx/core";
import type { ObjectLike } from "../api/resource.ts";
import { createEventRecorder } from "../events/recorder.ts";
import { termOf } from "../leader/fence.ts";
import { bucketLimiter, exponentialLimiter, maxOfLimiters } from "../queue/rate-limit.ts";
import { createWorkQueue, type WorkQueue } from "../queue/work-queue.ts";
import type { ControllerDefinition } from "./define-controller.ts";
import { joinCluster, type SharedCluster } from "./shared-cluster.ts";
import { openSources, type Sources } from "./sources.ts";
import { work } from "./work.ts";

/** What the cache part makes for the worker part. */
interface Running<T extends ObjectLike> {
  readonly cluster: SharedCluster;
  readonly sources: Sources<T>;
  readonly queue: WorkQueue;
}

/** How long reconciles may go on after the stop; less than a host gives its groups. */
const defaultDrainMs = 5000;
/** How long pending events may take to be written after that. */
const flushMs = 2000;

/** The runnables of a controller: its cache, then its workers. `started` is told of each queue. */
export function controllerParts<T extends ObjectLike>(
  definition: ControllerDefinition<T>,
  env: HostEnv,
  started: (queue: WorkQueue) => void,
): readonly Runnable[] {
  const { clock } = env;
  const log = env.log.child({ controller: definition.name });
  const component = definition.component ?? definition.name;
  let running: Running<T> | undefined;

  return [
    {
      name: `${definition.name}/cache`,
      group: "cache",
      async start(signal, ready) {
        await using cluster = await joinCluster(env);
        const queue = createWorkQueue({ name: definition.name, clock, limiter: limiterOf(definition, env) });
        using sources = openSources(definition, cluster.cache, queue, log);
        running = { cluster, queue, sources };
        started(queue);
        log.info({ server: cluster.config.server }, "caches starting");
        await sources.untilSynced(signal).then(ready, () => undefined);
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        queue.shutDown();
      },
    },
    {
      name: `${definition.name}/workers`,
      // Where leaders are elected, only the leader reconciles; elsewhere this is the last group, and no more.
      group: "leader",
      async start(signal, ready) {
        if (running === undefined) {
          throw new KxError("KX_CONTROLLER_ORDER", `the workers of ${definition.name} were started before its cache`);
        }
        const { queue, cluster, sources } = running;
        const term = termOf(signal);
        const client = cluster.clientOf(component, term);
        await using events = createEventRecorder({
          client,
          component,
          clock,
          log,
          api: definition.eventsApi ?? "events.k8s.io/v1",
          flushMs: term?.signal.aborted === true ? 0 : flushMs,
        });
        const drained = new AbortController();
        const hard = new AbortController();
        const onStop = () => {
          // Without its lease a leader must not go on; else what has begun may finish.
          if (term?.signal.aborted === true) return hard.abort(signal.reason);
          clock.sleep(definition.drainMs ?? defaultDrainMs, drained.signal).then(
            () => hard.abort(signal.reason),
            () => undefined,
          );
        };
        term?.signal.addEventListener("abort", () => hard.abort(term.signal.reason), { once: true });
        if (signal.aborted) onStop();
        else signal.addEventListener("abort", onStop, { once: true });
        ready();
        const ctx = { signal: hard.signal, log, clock, client, cache: sources.reader, events };
        await Promise.all(
          Array.from({ length: definition.concurrency ?? 1 }, () => work(definition, sources.main, queue, ctx, signal)),
        );
        drained.abort();
      },
    },
  ];
}

function limiterOf<T extends ObjectLike>(definition: ControllerDefinition<T>, env: HostEnv) {
  const each = exponentialLimiter(definition.retryBackoff?.baseMs, definition.retryBackoff?.maxMs);
  return definition.retryRate === undefined
    ? each
    : maxOfLimiters(each, bucketLimiter(definition.retryRate, env.clock));
}
