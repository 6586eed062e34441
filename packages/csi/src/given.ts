/** Fields that are there, if they are, with a value. */
export type Given<T> = { -readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** A copy without the fields that are undefined. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
