import { KxError } from "@kx/core";
import { type Cached, keyOf, type ObjectKey, type ObjectLike } from "../api/resource.ts";

/** The values under which an index finds an object. */
export type IndexBy<T extends ObjectLike> = (object: Cached<T>) => readonly string[];

/** Objects by key, by namespace, and by what indexes say. */
export interface Store<T extends ObjectLike> {
  get(key: ObjectKey): Cached<T> | undefined;
  list(namespace?: string): readonly Cached<T>[];
  keys(): IterableIterator<ObjectKey>;
  /** Returns the object that stood there. */
  set(key: ObjectKey, object: Cached<T>): Cached<T> | undefined;
  delete(key: ObjectKey): void;
  index(name: string, by: IndexBy<T>): void;
  byIndex(name: string, value: string): readonly Cached<T>[];
}

interface Index<T extends ObjectLike> {
  readonly by: IndexBy<T>;
  readonly keys: Map<string, Set<ObjectKey>>;
}

/** An empty store. */
export function createStore<T extends ObjectLike>(): Store<T> {
  const objects = new Map<ObjectKey, Cached<T>>();
  const indexes = new Map<string, Index<T>>();

  const enter = ({ by, keys }: Index<T>, key: ObjectKey, object: Cached<T>) => {
    for (const value of by(object)) {
      const known = keys.get(value);
      if (known === undefined) keys.set(value, new Set([key]));
      else known.add(key);
    }
  };
  const leave = ({ by, keys }: Index<T>, key: ObjectKey, object: Cached<T>) => {
    for (const value of by(object)) {
      const known = keys.get(value);
      known?.delete(key);
      if (known?.size === 0) keys.delete(value);
    }
  };
  const present = (keys: Iterable<ObjectKey>): Cached<T>[] => {
    const found: Cached<T>[] = [];
    for (const key of keys) {
      const object = objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  };

  return {
    get: (key) => objects.get(key),
    list: (namespace) =>
      namespace === undefined
        ? [...objects.values()]
        : [...objects.values()].filter((object) => object.metadata.namespace === namespace),
    keys: () => objects.keys(),
    set(key, object) {
      const old = objects.get(key);
      for (const index of indexes.values()) {
        if (old !== undefined) leave(index, key, old);
        enter(index, key, object);
      }
      objects.set(key, object);
      return old;
    },
    delete(key) {
      const old = objects.get(key);
      if (old !== undefined) for (const index of indexes.values()) leave(index, key, old);
      objects.delete(key);
    },
    index(name, by) {
      const index: Index<T> = { by: safe(by), keys: new Map() };
      for (const object of objects.values()) enter(index, keyOf(object), object);
      indexes.set(name, index);
    },
    byIndex(name, value) {
      const index = indexes.get(name);
      if (index !== undefined) return present(index.keys.get(value) ?? []);
      throw new KxError("KX_CACHE_NO_INDEX", `the cache has no index "${name}"`, {
        remedy: `make it first; there are ${[...indexes.keys()].join(", ") || "none"}`,
      });
    },
  };
}

/** An object that an index function fails on is in the cache, but not in that index. */
function safe<T extends ObjectLike>(by: IndexBy<T>): IndexBy<T> {
  return (object) => {
    try {
      return by(object);
    } catch {
      return [];
    }
  };
}
