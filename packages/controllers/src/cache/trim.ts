import type { ObjectLike } from "../api/resource.ts";

/** What a cache leaves out of objects unless it is told to keep it. */
export type Trimmed = "managedFields" | "lastApplied";

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** Drops what no controller reads and what is often half of an object. Changes the object in place. */
export function trim(object: ObjectLike, keep: readonly Trimmed[] = []): void {
  if (!keep.includes("managedFields")) object.metadata = without(object.metadata, "managedFields");
  const { annotations } = object.metadata;
  if (annotations === undefined || keep.includes("lastApplied") || !(lastApplied in annotations)) return;
  const kept = without(annotations, lastApplied);
  if (Object.keys(kept).length > 0) object.metadata.annotations = kept;
  else object.metadata = without(object.metadata, "annotations");
}

/** A copy without a field. `delete` would make V8 keep the object as a hash table, at five times the memory. */
function without<T extends object>(fields: T, name: string): T {
  if (!(name in fields)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name)) as T;
}
