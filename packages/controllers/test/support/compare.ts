/** Plain JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The result of a comparison. */
export interface Comparison {
  /** How many values were compared: leaves, and what only one side has. */
  readonly compared: number;
  /** `path: left ≠ right`. */
  readonly differences: readonly string[];
}

/** Compares two values to any depth. */
export function compare(left: Json | undefined, right: Json | undefined, path = ""): Comparison {
  if (isBranch(left) && isBranch(right) && Array.isArray(left) === Array.isArray(right)) {
    const [a, b] = [Object.entries(left), Object.entries(right)].map((entries) => new Map<string, Json>(entries));
    const parts = [...new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])])].map((key) =>
      compare(a?.get(key), b?.get(key), `${path}/${key}`),
    );
    return {
      compared: parts.reduce((sum, part) => sum + part.compared, 0),
      differences: parts.flatMap((part) => part.differences),
    };
  }
  const [a, b] = [left, right].map((value) => JSON.stringify(value) ?? "absent");
  return { compared: 1, differences: a === b ? [] : [`${path}: ${a} ≠ ${b}`] };
}

function isBranch(value: Json | undefined): value is readonly Json[] | { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

const volatile = new Set(["uid", "resourceVersion", "creationTimestamp", "time", "firstTimestamp", "lastTimestamp"]);

/** Replaces what differs from run to run: identities, versions and times. */
export function normalise(value: unknown): Json {
  if (Array.isArray(value)) return value.map(normalise);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, field]) => field !== undefined)
        .map(([key, field]) => [
          // The field sets of managedFields name an owner reference by its uid.
          key.replace(/"uid":"[^"]+"/, '"uid":"<uid>"'),
          volatile.has(key) && typeof field === "string" ? `<${key}>` : normalise(field),
        ]),
    );
  }
  // An event's name ends in a time.
  if (typeof value === "string") return value.replace(/\.[0-9a-f]{16}$/, ".<time>");
  return typeof value === "number" || typeof value === "boolean" ? value : null;
}
