import {
  type Cached,
  type Client,
  isNotFound,
  keyOf,
  type ObjectLike,
  type Resource,
  refOf,
  type Stored,
} from "@kx/controllers";
import { KxError } from "@kx/core";

/** Whether an object has a finalizer. */
export function hasFinalizer(object: Cached<ObjectLike>, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) === true;
}

/**
 * Adds a finalizer. Only if the object is still the same one, and without touching other finalizers, also where the cached
 * object is behind.
 */
export async function addFinalizer<T extends ObjectLike>(
  client: Client,
  resource: Resource<T>,
  object: Cached<T>,
  finalizer: string,
  signal: AbortSignal,
): Promise<Stored<T> | Cached<T>> {
  if (hasFinalizer(object, finalizer)) return object;
  const patch = [
    sameObject(object),
    ...(object.metadata.finalizers === undefined
      ? [
          { op: "test", path: "/metadata/finalizers", value: null },
          { op: "add", path: "/metadata/finalizers", value: [finalizer] },
        ]
      : [{ op: "add", path: "/metadata/finalizers/-", value: finalizer }]),
  ];
  try {
    return await client.patch(resource, refOf(keyOf(object)), patch, { type: "json", signal });
  } catch (error) {
    const now = await changedMeanwhile(client, resource, object, error, signal);
    if (now === undefined) throw error;
    return await addFinalizer(client, resource, now, finalizer, signal);
  }
}

/** Takes a finalizer away; an object that is gone is none to fail over. */
export async function removeFinalizer<T extends ObjectLike>(
  client: Client,
  resource: Resource<T>,
  object: Cached<T>,
  finalizer: string,
  signal: AbortSignal,
): Promise<void> {
  const place = object.metadata.finalizers?.indexOf(finalizer) ?? -1;
  if (place === -1) return;
  const path = `/metadata/finalizers/${place}`;
  const patch = [sameObject(object), { op: "test", path, value: finalizer }, { op: "remove", path }];
  try {
    await client.patch(resource, refOf(keyOf(object)), patch, { type: "json", signal });
  } catch (error) {
    if (isNotFound(error)) return;
    try {
      const now = await changedMeanwhile(client, resource, object, error, signal);
      if (now === undefined) throw error;
      await removeFinalizer(client, resource, now, finalizer, signal);
    } catch (failure) {
      if (!isNotFound(failure)) throw failure;
    }
  }
}

function sameObject(object: Cached<ObjectLike>) {
  return { op: "test", path: "/metadata/uid", value: object.metadata.uid };
}

/**
 * The object as it is now, if others have changed its finalizers since it was cached: the API server answers a patch whose
 * test fails as it does an invalid object. Undefined if that is not why the patch has failed.
 */
async function changedMeanwhile<T extends ObjectLike>(
  client: Client,
  resource: Resource<T>,
  object: Cached<T>,
  error: unknown,
  signal: AbortSignal,
): Promise<Cached<T> | undefined> {
  if (!KxError.is(error) || error.code !== "KX_API_INVALID") return undefined;
  const now = await client.get(resource, refOf(keyOf(object)), { signal });
  if (now.metadata.uid !== object.metadata.uid) return undefined;
  const [before, after] = [object, now].map(({ metadata }) => JSON.stringify(metadata.finalizers));
  return before === after ? undefined : (now as Cached<T>);
}
