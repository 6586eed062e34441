import type { ObjectMeta } from "../api/gen/meta-v1.ts";
import type { Cached, DeepReadonly, ObjectLike } from "../api/resource.ts";

/** What happened to an object in the cache. */
export type Change<T extends ObjectLike = ObjectLike> =
  | { readonly kind: "added" | "deleted"; readonly object: Cached<T> }
  | { readonly kind: "updated"; readonly object: Cached<T>; readonly old: Cached<T> };

/** Whether a change is worth a reconcile. Resyncs are not asked about. */
export type Predicate<T extends ObjectLike = ObjectLike> = (change: Change<T>) => boolean;

/** The spec has changed: the API server counts that in `metadata.generation`, for resources that have a status. */
export function generationChanged<T extends ObjectLike>(change: Change<T>): boolean {
  return change.kind !== "updated" || metaOf(change.object).generation !== metaOf(change.old).generation;
}

/** A label has changed. */
export function labelChanged<T extends ObjectLike>(change: Change<T>): boolean {
  return change.kind !== "updated" || differ(metaOf(change.object).labels, metaOf(change.old).labels);
}

/** An annotation has changed. */
export function annotationChanged<T extends ObjectLike>(change: Change<T>): boolean {
  return change.kind !== "updated" || differ(metaOf(change.object).annotations, metaOf(change.old).annotations);
}

/** All of the predicates hold. */
export function and<T extends ObjectLike>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return (change) => predicates.every((predicate) => predicate(change));
}

/** At least one of the predicates holds. */
export function or<T extends ObjectLike>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return (change) => predicates.some((predicate) => predicate(change));
}

/** The predicate does not hold; so it never does for an addition if the predicate asks about updates alone. */
export function not<T extends ObjectLike>(predicate: Predicate<T>): Predicate<T> {
  return (change) => !predicate(change);
}

function metaOf(object: { readonly metadata: unknown }): DeepReadonly<ObjectMeta> {
  return object.metadata as DeepReadonly<ObjectMeta>;
}

function differ(a: Readonly<Record<string, string>> = {}, b: Readonly<Record<string, string>> = {}): boolean {
  const keys = Object.keys(a);
  return keys.length !== Object.keys(b).length || keys.some((key) => a[key] !== b[key]);
}
