import type { ObjectLike } from "../api/resource.ts";

/** What a cache leaves out of objects unless it is told to keep it. */
export type Trimmed = "managedFields" | "lastApplied";

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** Drops what no controller reads and what is often half of an object. Changes the object in place. */
export function trim(object: ObjectLike, keep: readonly Trimmed[] = []): void {
  const { metadata } = object;
  if (!keep.includes("managedFields")) delete metadata.managedFields;
  if (keep.includes("lastApplied")) return;
  const { annotations } = metadata;
  if (annotations === undefined || !(lastApplied in annotations)) return;
  delete annotations[lastApplied];
  if (Object.keys(annotations).length === 0) delete metadata.annotations;
}
