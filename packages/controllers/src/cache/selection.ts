import { apiVersionOf, type ObjectLike, type Resource } from "../api/resource.ts";
import type { Selection } from "../client/options.ts";
import type { Trimmed } from "./trim.ts";

/** What an informer holds. Informers with equal selections are one. */
export interface CacheSelection extends Selection {
  /** What is not to be left out. Default: `managedFields` and kubectl's last-applied annotation are. */
  readonly keep?: readonly Trimmed[];
  /**
   * Changes each object in place before it is kept and frozen, to drop what is not read. Give the same function each time;
   * leave nothing but plain data, as JSON has it.
   */
  readonly transform?: (object: ObjectLike) => void;
}

const transforms = new WeakMap<object, number>();
let nextTransform = 1;

/** A text that is equal for equal resources and selections. */
export function selectionId(resource: Resource, selection: CacheSelection): string {
  const { namespace, labelSelector, fieldSelector, keep = [], transform } = selection;
  const id = transform === undefined ? 0 : (transforms.get(transform) ?? nextTransform++);
  if (transform !== undefined) transforms.set(transform, id);
  return JSON.stringify([
    apiVersionOf(resource),
    resource.plural,
    resource.metadataOnly === true,
    resource.namespaced ? (namespace ?? "") : "",
    labelSelector ?? "",
    fieldSelector ?? "",
    keep.toSorted(),
    id,
  ]);
}
