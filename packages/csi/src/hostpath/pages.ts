import type { StateKind, StoredObject, VolumeState } from "../driver/volume-state.ts";

/** What a list is asked for. */
export interface PageRequest {
  /** 0: all. */
  readonly maxEntries: number;
  /** The id that the page before ended with. */
  readonly startingToken: string;
}

/** A page of what is stored, in the order of ids. */
export async function pageOf(
  state: VolumeState,
  kind: StateKind,
  { maxEntries, startingToken }: PageRequest,
): Promise<{ readonly objects: readonly StoredObject[]; readonly nextToken: string }> {
  const after = startingToken === "" ? undefined : startingToken;
  // One more tells whether there is another page.
  const found = await state.list(kind, after, maxEntries === 0 ? Number.MAX_SAFE_INTEGER : maxEntries + 1);
  if (maxEntries === 0 || found.length <= maxEntries) return { objects: found, nextToken: "" };
  const objects = found.slice(0, maxEntries);
  return { objects, nextToken: objects.at(-1)?.id ?? "" };
}
