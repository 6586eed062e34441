import { createHash } from "node:crypto";
import { type DescMessage, type JsonObject, type Message, toJson } from "@bufbuild/protobuf";
import type { JsonRecord, JsonValue } from "./volume-state.ts";

/** Keys of a volume's context that tell who uses it now, tokens among them: they differ from one call to the next. */
const podKeys = /^csi\.storage\.k8s\.io\/(pod\.|serviceAccount\.)/;

/** A message as plain JSON, without what must not be kept: secrets, tokens, and mount flags, which may hold passwords. */
export function withoutSecretsJson(type: DescMessage, message: Message): JsonRecord {
  // Every message of CSI is an object in JSON.
  return strip(toJson(type, message) as JsonObject) as JsonRecord;
}

function strip(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value as JsonRecord).filter(
    ([key]) => key !== "secrets" && key !== "mountFlags" && !podKeys.test(key),
  );
  return Object.fromEntries(kept.map(([key, item]) => [key, strip(item)]));
}

/** JSON whose text does not depend on the order of keys. */
export function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** 64 hex digits. */
export function digest(value: JsonValue): string {
  return createHash("sha256").update(canonical(value)).digest("hex");
}
