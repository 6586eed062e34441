import { createHash } from "node:crypto";
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { toStored } from "./stored-message.ts";
import type { JsonRecord, JsonValue } from "./volume-state.ts";

/** Keys of a volume's context that tell who uses it now, tokens among them: they differ from one call to the next. */
const podKeys = /^csi\.storage\.k8s\.io\/(pod\.|serviceAccount\.)/;

/** A message as plain JSON, without what must not be kept: secrets, tokens, and mount flags, which may hold passwords. */
export function withoutSecretsJson(type: DescMessage, message: Message): JsonRecord {
  const { secrets: _secrets, ...rest } = toStored(type, message);
  return withoutFlags(rest);
}

function withoutFlags(record: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, kept(key, value)]));
}

function kept(name: string, value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => kept(name, item));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  if (name === "mount") return Object.fromEntries(entries.filter(([key]) => key !== "mountFlags"));
  if (name === "volumeContext") return Object.fromEntries(entries.filter(([key]) => !podKeys.test(key)));
  // What is within parameters is the caller's own, whatever it is called.
  return name.endsWith("arameters") ? value : withoutFlags(value);
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
