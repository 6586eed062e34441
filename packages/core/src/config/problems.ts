import { didYouMean } from "../did-you-mean.ts";
import { isRecord } from "../is-record.ts";
import { isSecretKey, redact, redacted } from "../redact.ts";
import type { JsonSchema, Schema, SchemaIssue } from "../schema.ts";

/** One thing that is wrong with a configuration. */
export interface Problem {
  readonly path: readonly string[];
  /** What stands there, without secrets; undefined if nothing does. */
  readonly value: unknown;
  readonly message: string;
  readonly remedy?: string;
}

/** What checking came to. */
export type Checked<T> = { readonly value: T } | { readonly problems: readonly Problem[] };

/**
 * Checks a value against a schema. Unlike many schemas on their own, it refuses a key that the schema does not name
 * (unless the schema allows any), since in a configuration that is a slip of the pen.
 */
export async function checkConfig<T>(schema: Schema<T>, value: unknown): Promise<Checked<T>> {
  const unknown = unknownKeys(schema.jsonSchema?.() ?? {}, value, []);
  if (unknown.length > 0) return { problems: unknown };
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return { value: result.value };
  return { problems: result.issues.map((issue) => toProblem(issue, value)) };
}

/** A path as people write it: `extensions[0].options`. */
export function formatPath(path: readonly string[]): string {
  return path.map((key, index) => (/^\d+$/.test(key) ? `[${key}]` : index === 0 ? key : `.${key}`)).join("");
}

/** A value as it may be shown in an error: no secrets, not too long. */
export function showValue(path: readonly string[], value: unknown): string {
  if (value === undefined) return "missing";
  if (path.some(isSecretKey)) return redacted;
  const text = JSON.stringify(redact(value)) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function toProblem(issue: SchemaIssue, root: unknown): Problem {
  const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  const value = path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at ? Reflect.get(at, key) : undefined),
    root,
  );
  return { path, value, message: value === undefined ? "is required" : issue.message };
}

function unknownKeys(schema: JsonSchema, value: unknown, path: readonly string[]): Problem[] {
  if (Array.isArray(value)) {
    const items = isRecord(schema["items"]) ? schema["items"] : {};
    return value.flatMap((item, index) => unknownKeys(items, item, [...path, String(index)]));
  }
  const properties = schema["properties"];
  if (!isRecord(value) || !isRecord(properties)) return [];
  const known = Object.keys(properties);
  const isOpen = schema["additionalProperties"] !== undefined && schema["additionalProperties"] !== false;
  return Object.entries(value).flatMap(([key, item]) => {
    const below = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (isRecord(below)) return unknownKeys(below, item, [...path, key]);
    if (below !== undefined || isOpen) return [];
    const meant = didYouMean(key, known);
    const remedy = meant === undefined ? `known keys: ${known.join(", ")}` : `did you mean ${meant}?`;
    return [{ path: [...path, key], value: item, message: "is not a known key", remedy }];
  });
}
