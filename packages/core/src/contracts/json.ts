import * as z from "zod/mini";

/** A JSON object of which a contract says nothing more. */
export type JsonObject = Readonly<Record<string, unknown>>;

export const jsonObject = z.record(z.string(), z.unknown());

export const nonEmpty = z.string().check(z.minLength(1, "must not be empty"));

/** Refuses a list in which two items have the same key. */
export function uniqueBy<T>(key: (item: T) => unknown, what: string): z.core.$ZodCheck<T[]> {
  return z.refine((items: T[]) => new Set(items.map(key)).size === items.length, `two have the same ${what}`);
}
