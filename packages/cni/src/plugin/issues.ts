import type { SchemaIssue } from "@kx/core";

/** What a schema found wrong with a value, each with its place. */
export function describeIssues(issues: readonly SchemaIssue[], root: unknown): readonly string[] {
  return issues.map((issue) => describeIssue(issue, root));
}

function describeIssue({ path = [], message }: SchemaIssue, root: unknown): string {
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  const value = keys.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined),
    root,
  );
  const place = keys.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  const what = value === undefined && keys.length > 0 ? "is required" : message;
  return place === "" ? what : `${place.replace(/^\./, "")} ${what}`;
}
