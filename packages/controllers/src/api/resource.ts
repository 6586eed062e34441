import type { ObjectMeta } from "./gen/meta-v1.ts";

/** What every Kubernetes object has. Lists leave out `apiVersion` and `kind` of built-in items; the client fills them in. */
export interface ObjectLike {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

declare const objectType: unique symbol;

/** A resource of the API server: where it is served, and (as a type) what its objects look like. */
export interface Resource<T extends ObjectLike = ObjectLike> {
  /** API group; empty for core/v1. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Lower-case plural, as in the path. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only the metadata of its objects is fetched. Default: false. */
  readonly metadataOnly?: boolean;
  readonly [objectType]?: T;
}

/** The same resource, of whose objects only the metadata is fetched: for caches that need no more. */
export function metadataOf(resource: Resource): Resource {
  const { group, version, kind, plural, namespaced } = resource;
  return Object.freeze({ group, version, kind, plural, namespaced, metadataOnly: true });
}

/** An object as the API server stores it: these fields of its metadata are always there. */
export type Stored<T extends ObjectLike> = T & {
  metadata: { name: string; uid: string; resourceVersion: string; creationTimestamp: string };
};

type Primitive = string | number | boolean | bigint | null | undefined;

/** `T` with every field read-only, to any depth. */
export type DeepReadonly<T> = T extends Primitive
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : unknown extends T
      ? T
      : { readonly [K in keyof T]: DeepReadonly<T[K]> };

/** An object in a cache: shared by all its readers, so nobody may change it. Use `structuredClone` for a copy to edit. */
export type Cached<T extends ObjectLike> = DeepReadonly<Stored<T>>;

/** Names one object. `namespace` is left out for cluster-scoped resources. */
export interface ObjectRef {
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** `namespace/name`, or `name` for cluster-scoped objects: the key in caches and queues. */
export type ObjectKey = string;

/** The key of an object or a reference. */
export function keyOf(
  object: ObjectRef | { readonly metadata: { readonly name?: string; readonly namespace?: string } },
): ObjectKey {
  const { name, namespace } = "metadata" in object ? object.metadata : object;
  return namespace === undefined || namespace === "" ? (name ?? "") : `${namespace}/${name}`;
}

/** The reference behind a key. */
export function refOf(key: ObjectKey): ObjectRef {
  const slash = key.indexOf("/");
  return slash === -1 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** `group/version`, or the version alone for the core group: the value of `apiVersion`. */
export function apiVersionOf(resource: Pick<Resource, "group" | "version">): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}
