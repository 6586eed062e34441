import type { StateKind, StoredObject, VolumeState } from "../../src/driver/volume-state.ts";

/** A state that ends with the test. It keeps copies, as one on disk does. */
export function memoryState(): VolumeState & { readonly size: (kind: StateKind) => number } {
  const kinds = new Map<StateKind, Map<string, string>>();
  const of = (kind: StateKind): Map<string, string> => {
    const known = kinds.get(kind) ?? new Map<string, string>();
    kinds.set(kind, known);
    return known;
  };
  const read = (text: string | undefined): StoredObject | undefined =>
    text === undefined ? undefined : (JSON.parse(text) as StoredObject);
  const all = (kind: StateKind): StoredObject[] => [...of(kind).values()].flatMap((text) => read(text) ?? []);
  return {
    size: (kind) => of(kind).size,
    get: async (kind, id) => read(of(kind).get(id)),
    findByName: async (kind, name) => all(kind).find((one) => one.name === name),
    put: async (object) => void of(object.kind).set(object.id, JSON.stringify(object)),
    delete: async (kind, id) => void of(kind).delete(id),
    list: async (kind, after, limit) =>
      all(kind)
        .filter(({ id }) => after === undefined || id > after)
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit),
  };
}
