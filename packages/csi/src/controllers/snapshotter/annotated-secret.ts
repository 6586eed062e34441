import type { DeepReadonly, ObjectLike } from "@kx/controllers";
import type { SecretRef } from "../secrets.ts";

/** The secret that a content's annotations name; undefined if they name none. */
export function annotatedSecret(
  { metadata: { annotations = {} } }: DeepReadonly<ObjectLike>,
  keys: { readonly name: string; readonly namespace: string },
): SecretRef | undefined {
  const [name, namespace] = [annotations[keys.name], annotations[keys.namespace]];
  return name === undefined || namespace === undefined ? undefined : { name, namespace };
}
