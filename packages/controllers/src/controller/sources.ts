import type { Logger } from "@kx/core";
import type { OwnerReference } from "../api/gen/meta-v1.ts";
import { controllerOf } from "../api/owner.ts";
import {
  type Cached,
  type DeepReadonly,
  keyOf,
  type ObjectKey,
  type ObjectLike,
  type Resource,
} from "../api/resource.ts";
import { type Cache, type CacheReader, readerOf } from "../cache/cache.ts";
import type { Informer, InformerHandler } from "../cache/informer.ts";
import type { IndexBy } from "../cache/store.ts";
import { lowPriority, type WorkQueue } from "../queue/work-queue.ts";
import type { ControllerDefinition } from "./define-controller.ts";
import type { Change, Predicate } from "./predicates.ts";
import type { OwnedResource } from "./watched.ts";

/** The informers of a controller, as long as it is subscribed to them. */
export interface Sources<T extends ObjectLike> extends Disposable {
  readonly main: Informer<T>;
  readonly reader: CacheReader;
  untilSynced(signal: AbortSignal): Promise<void>;
}

/** Wires the informers that a controller names to its queue. */
export function openSources<T extends ObjectLike>(
  definition: ControllerDefinition<T>,
  cache: Cache,
  queue: WorkQueue,
  log: Logger,
): Sources<T> {
  const informers: Informer<never>[] = [];
  const ends: (() => void)[] = [];
  const open = <R extends ObjectLike>(resource: Resource<R>, select: ControllerDefinition<T>["select"]) => {
    const informer = cache.informer(resource, select);
    informers.push(informer as unknown as Informer<never>);
    return informer;
  };

  const main = open(definition.for, definition.select);
  const owns = (definition.owns ?? []).map((own): OwnedResource => ("resource" in own ? own : { resource: own }));
  const owned = owns.map((own) => ({ own, informer: open(own.resource, own.select) }));
  const watched = (definition.watches ?? []).map((one) => ({ one, informer: open(one.resource, one.select) }));
  const reader = readerOf(informers);
  for (const { resource, name, by } of definition.indexes ?? []) {
    for (const informer of informers) {
      if (informer.resource === resource) informer.index(name, by as unknown as IndexBy<never>);
    }
  }

  const own = (object: Cached<T>): readonly ObjectKey[] => [keyOf(object.metadata)];
  const { resyncMs, initialPriority } = definition;
  ends.push(main.subscribe(handlerOf(queue, log, definition.predicates, own, initialPriority), { resyncMs }));
  for (const { own: entry, informer } of owned) {
    const isOwner = entry.isOwner ?? sameKind(definition.for);
    const ownerKey = (object: Cached<ObjectLike>): readonly ObjectKey[] => {
      const reference = controllerOf(object);
      if (reference === undefined || !isOwner(reference)) return [];
      const namespace = definition.for.namespaced ? object.metadata.namespace : undefined;
      const key = keyOf({ name: reference.name, namespace });
      // An owner that is not known (yet) is queued when it is seen itself.
      return main.get(key) === undefined ? [] : [key];
    };
    ends.push(informer.subscribe(handlerOf(queue, log, entry.predicates, ownerKey, initialPriority)));
  }
  for (const { one, informer } of watched) {
    const keys = (object: Cached<ObjectLike>) => one.map(object, reader).map((ref) => keyOf(ref));
    ends.push(informer.subscribe(handlerOf(queue, log, one.predicates, keys, initialPriority)));
  }

  return {
    main,
    reader,
    untilSynced: async (signal) => {
      await Promise.all(informers.map((informer) => informer.untilSynced(signal)));
    },
    [Symbol.dispose]() {
      for (const end of ends) end();
    },
  };
}

/** Queues the keys of a change, those of the object's state before it too; what nobody waits for with low priority. */
function handlerOf<R extends ObjectLike>(
  queue: WorkQueue,
  log: Logger,
  predicates: readonly Predicate<R>[] = [],
  keysOf: (object: Cached<R>) => readonly ObjectKey[],
  initialPriority: number = lowPriority,
): InformerHandler<R> {
  const passes = (change: Change<R>): boolean =>
    predicates.every((predicate) => {
      try {
        return predicate(change);
      } catch (error) {
        // A reconcile too many does no harm, one too few does.
        log.error({ err: error }, "predicate failed, taking the change as passed");
        return true;
      }
    });
  const enqueue = (object: Cached<R>, priority?: number) => {
    for (const key of keysOf(object)) queue.add(key, priority);
  };
  return {
    added(object, initial) {
      if (passes({ kind: "added", object })) enqueue(object, initial ? initialPriority : undefined);
    },
    updated(object, old) {
      if (object === old) return enqueue(object, lowPriority);
      if (!passes({ kind: "updated", object, old })) return;
      enqueue(object);
      enqueue(old);
    },
    deleted(object) {
      if (passes({ kind: "deleted", object })) enqueue(object);
    },
  };
}

function sameKind(resource: Resource): (reference: DeepReadonly<OwnerReference>) => boolean {
  return ({ apiVersion, kind }) =>
    kind === resource.kind && apiVersion.split("/").slice(0, -1).join("/") === resource.group;
}
