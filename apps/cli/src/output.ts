import { stringify } from "yaml";

/** What `-o` takes. */
export type Format = "json" | "yaml";

/** A value as `-o` asks for it. */
export function format(value: unknown, as: Format): string {
  return as === "json" ? JSON.stringify(value, null, 2) : stringify(value).trimEnd();
}
