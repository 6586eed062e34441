import type { OwnerReference } from "../api/gen/meta-v1.ts";
import type { Cached, DeepReadonly, ObjectLike, ObjectRef, Resource } from "../api/resource.ts";
import type { CacheReader } from "../cache/cache.ts";
import type { CacheSelection } from "../cache/selection.ts";
import type { IndexBy } from "../cache/store.ts";
import type { Predicate } from "./predicates.ts";

/** A resource whose objects belong to those that are reconciled. */
export interface OwnedResource {
  readonly resource: Resource;
  /** Whether an owner reference means an object of `for`. Default: group and kind are equal. */
  readonly isOwner?: (reference: DeepReadonly<OwnerReference>) => boolean;
  /** Which objects are cached. Default: all. */
  readonly select?: CacheSelection;
  /** All must hold for a change to count. Default: every change counts. */
  readonly predicates?: readonly Predicate[];
}

/** A resource whose changes reconcile what a function says. Made by `watch`. */
export interface WatchedResource {
  readonly resource: Resource;
  readonly map: (object: Cached<ObjectLike>, cache: CacheReader) => readonly ObjectRef[];
  readonly select?: CacheSelection;
  readonly predicates?: readonly Predicate[];
}

/** How a watched resource is followed. */
export interface WatchOptions<T extends ObjectLike> {
  /** The objects of `for` to reconcile when this one changes; asked about the state before the change too. */
  map(object: Cached<T>, cache: CacheReader): readonly ObjectRef[];
  /** Which objects are cached. Default: all. */
  readonly select?: CacheSelection;
  /** All must hold for a change to count. Default: every change counts. */
  readonly predicates?: readonly Predicate<T>[];
}

/** An entry of `watches`: reconciles what `map` returns when an object of the resource changes. */
export function watch<T extends ObjectLike>(resource: Resource<T>, options: WatchOptions<T>): WatchedResource {
  const { select, predicates } = options;
  // The informer of the resource hands in its objects, so the erased type is the given one again.
  return {
    resource,
    map: options.map.bind(options) as WatchedResource["map"],
    ...(select === undefined ? {} : { select }),
    ...(predicates === undefined ? {} : { predicates: predicates as unknown as readonly Predicate[] }),
  };
}

/** An index of a cached resource. Made by `index`. */
export interface CacheIndex {
  readonly resource: Resource;
  readonly name: string;
  readonly by: IndexBy<ObjectLike>;
}

/** An entry of `indexes`: `cache.byIndex(resource, name, value)` finds the objects for which `by` returns the value. */
export function index<T extends ObjectLike>(resource: Resource<T>, name: string, by: IndexBy<T>): CacheIndex {
  return { resource, name, by: by as unknown as IndexBy<ObjectLike> };
}
