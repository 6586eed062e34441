/** An object's type with those of its fields optional that may be undefined. */
export type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The fields that have a value, for objects in which an absent field is left out. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
