import type { JsonSchema } from "@kx/core";

// The API server refuses these in a CRD: references and dialect marks, and closed objects, which it prunes anyway.
const dropped = new Set(["$schema", "$id", "$defs", "additionalProperties", "propertyNames"]);

/** The structural schema (the form CRDs demand) of a JSON Schema. */
export function structural(schema: JsonSchema): JsonSchema {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "properties") result[key] = mapValues(value as Record<string, JsonSchema>, structural);
    else if (key === "items") result[key] = structural(value as JsonSchema);
    else if (key === "additionalProperties" && isSchema(value)) result[key] = structural(value);
    else if (key === "minimum" && value === Number.MIN_SAFE_INTEGER) continue;
    else if (key === "maximum" && value === Number.MAX_SAFE_INTEGER) continue;
    else if (!dropped.has(key)) result[key] = value;
  }
  return result;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
