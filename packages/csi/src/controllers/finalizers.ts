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
  return await client.patch(resource, refOf(keyOf(object)), patch, { type: "json", signal });
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
    if (!isNotFound(error)) throw error;
  }
}

function sameObject(object: Cached<ObjectLike>) {
  return { op: "test", path: "/metadata/uid", value: object.metadata.uid };
}
