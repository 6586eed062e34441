import type { StoredObject } from "../driver/volume-state.ts";

/** The objects of one kind in memory: by id, by name and in order. */
export interface ObjectIndex {
  readonly size: number;
  get(id: string): StoredObject | undefined;
  findByName(name: string): StoredObject | undefined;
  put(object: StoredObject): void;
  delete(id: string): void;
  list(after: string | undefined, limit: number): readonly StoredObject[];
}

export function createObjectIndex(objects: readonly StoredObject[] = []): ObjectIndex {
  const byId = new Map(objects.map((object) => [object.id, object]));
  // Publications share names.
  const idsOf = new Map<string, readonly string[]>();
  const ids = [...byId.keys()].toSorted((one, other) => (one < other ? -1 : 1));

  /** Where the first id is that is not less, or is greater. */
  const place = (id: string, isAfter: boolean): number => {
    let [low, high] = [0, ids.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = ids[middle] ?? "";
      if (found < id || (isAfter && found === id)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const addName = ({ id, name }: StoredObject): void => void idsOf.set(name, [...(idsOf.get(name) ?? []), id]);
  const forgetName = ({ id, name }: StoredObject): void => {
    const others = (idsOf.get(name) ?? []).filter((other) => other !== id);
    if (others.length > 0) idsOf.set(name, others);
    else idsOf.delete(name);
  };
  for (const object of byId.values()) addName(object);

  return {
    get size() {
      return byId.size;
    },
    get: (id) => byId.get(id),
    findByName(name) {
      const [id] = idsOf.get(name) ?? [];
      return id === undefined ? undefined : byId.get(id);
    },
    put(object) {
      const before = byId.get(object.id);
      if (before === undefined) ids.splice(place(object.id, false), 0, object.id);
      else forgetName(before);
      byId.set(object.id, object);
      addName(object);
    },
    delete(id) {
      const before = byId.get(id);
      if (before === undefined) return;
      forgetName(before);
      ids.splice(place(id, false), 1);
      byId.delete(id);
    },
    list(after, limit) {
      const start = after === undefined ? 0 : place(after, true);
      return ids.slice(start, start + limit).flatMap((id) => byId.get(id) ?? []);
    },
  };
}
