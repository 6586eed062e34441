/**
 * When a check of several fields is made: also where one of them is wrong, as all problems are told at once, but not of what
 * is no object at all.
 */
export function isObject({ value }: { readonly value: unknown }): boolean {
  return typeof value === "object" && value !== null;
}
