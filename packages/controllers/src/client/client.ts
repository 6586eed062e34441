import { type Clock, KxError, systemClock } from "@kx/core";
import type { APIResourceList, ListMeta, ObjectMeta } from "../api/gen/meta-v1.ts";
import {
  apiVersionOf,
  type DeepReadonly,
  type ObjectLike,
  type ObjectRef,
  type Resource,
  type Stored,
} from "../api/resource.ts";
import type { ClientConfig } from "../config.ts";
import type { TransportRequest } from "../transport/exchange.ts";
import { createTransport, type Transport } from "../transport/transport.ts";
import { type Discovery, discoveryOf } from "./discovery.ts";
import type {
  CallOptions,
  ChangeOptions,
  DeleteOptions,
  ListOptions,
  PatchOptions,
  Selection,
  WatchOptions,
} from "./options.ts";
import { collectionPath, groupPath, objectPath, type Query } from "./path.ts";
import type { CallFacts } from "./remedy.ts";
import { createRequests } from "./requests.ts";
import { parseWatchEvent, type WatchEvent } from "./watch-event.ts";

/** One page of a list, or all of it. */
export interface ObjectList<T extends ObjectLike> {
  readonly items: Stored<T>[];
  /** The version to start a watch from. */
  readonly resourceVersion: string;
}

/** Calls the API server. Every failure is a KxError: KX_API_* if the server answered, KX_TRANSPORT_* if it did not. */
export interface Client extends AsyncDisposable {
  readonly config: ClientConfig;
  get<T extends ObjectLike>(resource: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<Stored<T>>;
  /** Fetches page by page and returns all. */
  list<T extends ObjectLike>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /** The pages of a list as they come: for large resources. */
  pages<T extends ObjectLike>(resource: Resource<T>, options?: ListOptions): AsyncGenerator<ObjectList<T>, void>;
  /** `apiVersion` and `kind` may be left out; the namespace is that of the object's metadata. */
  create<T extends ObjectLike>(
    resource: Resource<T>,
    object: DeepReadonly<T>,
    options?: ChangeOptions,
  ): Promise<Stored<T>>;
  /** Replaces an object; with a resourceVersion only if it is still the current one. */
  update<T extends ObjectLike>(
    resource: Resource<T>,
    object: DeepReadonly<T>,
    options?: ChangeOptions,
  ): Promise<Stored<T>>;
  /** Replaces the status alone, through the status subresource. */
  updateStatus<T extends ObjectLike>(
    resource: Resource<T>,
    object: DeepReadonly<T>,
    options?: ChangeOptions,
  ): Promise<Stored<T>>;
  patch<T extends ObjectLike>(
    resource: Resource<T>,
    ref: ObjectRef,
    patch: object,
    options?: PatchOptions,
  ): Promise<Stored<T>>;
  /** Resolves when the server has accepted the deletion; finalizers may keep the object for a while. */
  delete(resource: Resource, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /** Ends when the server ends it; bookmarks are asked for. Most callers want an informer, which goes on by itself. */
  watch<T extends ObjectLike>(resource: Resource<T>, options?: WatchOptions): AsyncGenerator<WatchEvent<T>, void>;
  /** How many replicas an object of a resource with a scale subresource wants and has. */
  getScale(resource: Resource, ref: ObjectRef, options?: CallOptions): Promise<Scale>;
  /** Sets how many replicas an object wants, through its scale subresource. */
  scale(resource: Resource, ref: ObjectRef, replicas: number, options?: ChangeOptions): Promise<Scale>;
  /** The resource of a kind that no type is at hand for; asks the server once. KX_API_NOT_FOUND if it is not served. */
  resourceOf(type: { readonly apiVersion: string; readonly kind: string }, options?: CallOptions): Promise<Resource>;
  /** What is served under a group version; KX_API_NOT_FOUND if nothing is. Not remembered. */
  discover(group: string, version: string, options?: CallOptions): Promise<Discovery>;
  /** Any other path that answers JSON. */
  raw(method: TransportRequest["method"], path: string, body?: unknown, options?: CallOptions): Promise<unknown>;
}

/** The scale subresource of an object (autoscaling/v1). */
export interface Scale {
  metadata: ObjectMeta;
  spec?: { replicas?: number };
  status?: { replicas: number; selector?: string };
}

/** Options of a client. */
export interface ClientOptions {
  /** Default field manager of changes. Default: `kx`. */
  readonly fieldManager?: string;
  /** Default: `kx`. */
  readonly userAgent?: string;
  readonly clock?: Clock;
  /** Default: HTTP/2 to the server of the configuration. */
  readonly transport?: Transport;
}

const patchContentTypes = {
  apply: "application/apply-patch+yaml",
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
} as const;

/** A client for the server of a configuration. Connects when first used; dispose it when done. */
export function createClient(config: ClientConfig, options: ClientOptions = {}): Client {
  const transport = options.transport ?? createTransport(config);
  const requests = createRequests(transport, options.clock ?? systemClock, options.userAgent ?? "kx", config);
  const fieldManager = options.fieldManager ?? "kx";

  // Answers are trusted to be what the resource's type says: the API server has validated them.
  const one = async <T extends ObjectLike>(request: Parameters<typeof requests.json>[0]) =>
    (await requests.json(request)) as Stored<T>;
  const changeQuery = (change: ChangeOptions): Query => ({
    fieldManager: change.fieldManager ?? fieldManager,
    dryRun: change.dryRun === true ? "All" : undefined,
  });
  const kinds = new Map<string, Resource>();
  const put = <T extends ObjectLike>(
    resource: Resource<T>,
    object: DeepReadonly<T>,
    change: ChangeOptions,
    subresource?: string,
  ) =>
    one<T>({
      method: "PUT",
      path: objectPath(resource, refOfObject(object), subresource),
      about: facts("update", resource, object.metadata.namespace, subresource),
      query: changeQuery(change),
      body: typed(resource, object),
      signal: change.signal,
    });

  const client: Client = {
    config,
    get: (resource, ref, call = {}) =>
      one({
        method: "GET",
        path: objectPath(resource, ref),
        accept: acceptOf(resource, "PartialObjectMetadata"),
        about: facts("get", resource, ref.namespace),
        signal: call.signal,
      }),
    async list(resource, call = {}) {
      const all = { items: [] as Stored<never>[], resourceVersion: "" };
      for await (const page of client.pages(resource, call)) {
        for (const item of page.items) all.items.push(item as Stored<never>);
        all.resourceVersion = page.resourceVersion;
      }
      return all;
    },
    async *pages<T extends ObjectLike>(resource: Resource<T>, call: ListOptions = {}) {
      let next: string | undefined;
      do {
        const items: Stored<T>[] = [];
        const request = {
          method: "GET",
          path: collectionPath(resource, call.namespace),
          query: { ...selectionQuery(call), limit: call.pageSize ?? 500, continue: next },
          accept: acceptOf(resource, "PartialObjectMetadataList"),
          about: facts("list", resource, call.namespace),
          signal: call.signal,
        } as const;
        const { metadata } = (await requests.list(request, (item) => {
          fillIn(resource, item as Stored<T>);
          items.push(item as Stored<T>);
        })) as { metadata: ListMeta };
        yield { items, resourceVersion: metadata.resourceVersion ?? "" };
        next = metadata.continue === "" ? undefined : metadata.continue;
      } while (next !== undefined);
    },
    create: (resource, object, call = {}) =>
      one({
        method: "POST",
        path: collectionPath(resource, refOfObject(object).namespace),
        about: facts("create", resource, object.metadata.namespace),
        query: changeQuery(call),
        body: typed(resource, object),
        signal: call.signal,
      }),
    update: (resource, object, call = {}) => put(resource, object, call),
    updateStatus: (resource, object, call = {}) => put(resource, object, call, "status"),
    patch: (resource, ref, patch, call = {}) => {
      const type = call.type ?? "apply";
      return one({
        method: "PATCH",
        path: objectPath(resource, ref, call.subresource),
        query: { ...changeQuery(call), force: type === "apply" ? call.force : undefined },
        body: type === "apply" ? typed(resource, patch) : patch,
        contentType: patchContentTypes[type],
        about: facts("patch", resource, ref.namespace, call.subresource),
        signal: call.signal,
      });
    },
    async delete(resource, ref, call = {}) {
      const { signal, uid, resourceVersion, dryRun, ...rest } = call;
      await requests.json({
        method: "DELETE",
        path: objectPath(resource, ref),
        about: facts("delete", resource, ref.namespace),
        body: {
          ...rest,
          ...(uid === undefined && resourceVersion === undefined ? {} : { preconditions: { uid, resourceVersion } }),
          ...(dryRun === true ? { dryRun: ["All"] } : {}),
        },
        signal,
      });
    },
    async *watch(resource, call = {}) {
      const lines = requests.lines({
        method: "GET",
        path: collectionPath(resource, call.namespace),
        query: {
          ...selectionQuery(call),
          watch: true,
          allowWatchBookmarks: true,
          resourceVersion: call.resourceVersion,
          timeoutSeconds: call.timeoutSeconds,
          ...(call.sendInitialEvents === true ? { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" } : {}),
        },
        accept: acceptOf(resource, "PartialObjectMetadata"),
        about: facts("watch", resource, call.namespace),
        signal: call.signal,
      });
      for await (const line of lines) yield parseWatchEvent(line, resource);
    },
    async getScale(resource, ref, call = {}) {
      const about = facts("get", resource, ref.namespace, "scale");
      const request = { method: "GET", path: objectPath(resource, ref, "scale"), about, signal: call.signal } as const;
      return (await requests.json(request)) as Scale;
    },
    async scale(resource, ref, replicas, call = {}) {
      return (await requests.json({
        method: "PATCH",
        path: objectPath(resource, ref, "scale"),
        query: changeQuery(call),
        body: { spec: { replicas } },
        contentType: patchContentTypes.merge,
        about: facts("patch", resource, ref.namespace, "scale"),
        signal: call.signal,
      })) as Scale;
    },
    async resourceOf({ apiVersion, kind }, call = {}) {
      const id = `${apiVersion} ${kind}`;
      const known = kinds.get(id);
      if (known !== undefined) return known;
      const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
      const found = (await client.discover(group ?? "", version ?? "", call)).resourceOf(kind);
      if (found === undefined) {
        const remedy = "check the kind; for a custom resource, that its CRD is installed";
        throw new KxError("KX_API_NOT_FOUND", `the server does not serve kind ${kind} in ${apiVersion}`, { remedy });
      }
      kinds.set(id, found);
      return found;
    },
    async discover(group, version, call = {}) {
      const list = await requests.json({ method: "GET", path: groupPath(group, version), signal: call.signal });
      return discoveryOf(list as APIResourceList);
    },
    raw: (method, path, body, call = {}) => requests.json({ method, path, body, signal: call.signal }),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
  return client;
}

function refOfObject(object: DeepReadonly<ObjectLike>): ObjectRef {
  return { name: object.metadata.name ?? "", namespace: object.metadata.namespace };
}

/** What an error message tells of a call. */
function facts(verb: string, resource: Resource, namespace: string | undefined, subresource?: string): CallFacts {
  const { group, plural } = resource;
  return { verb, group, resource: subresource === undefined ? plural : `${plural}/${subresource}`, namespace };
}

function acceptOf(resource: Resource, type: string): string | undefined {
  return resource.metadataOnly === true ? `application/json;as=${type};g=meta.k8s.io;v=v1` : undefined;
}

function selectionQuery({ labelSelector, fieldSelector }: Selection): Query {
  return { labelSelector, fieldSelector };
}

function typed(resource: Resource, object: object): object {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
}

function fillIn(resource: Resource, item: ObjectLike): void {
  item.apiVersion ??= apiVersionOf(resource);
  item.kind ??= resource.kind;
}
