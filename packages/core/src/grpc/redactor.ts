import {
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  type Message,
} from "@bufbuild/protobuf";
import type { GenExtension } from "@bufbuild/protobuf/codegenv2";
import type { FieldOptions } from "@bufbuild/protobuf/wkt";
import { isRecord } from "../is-record.ts";
import { redacted } from "../redact.ts";
import { asksStream } from "./handlers.ts";

/** What marks a field as secret, beside `debug_redact`, the option that every proto file may use. */
export interface RedactorOptions {
  /** Boolean extensions of `google.protobuf.FieldOptions`, such as CSI's `csi_secret`. Default: none. */
  readonly secretOptions?: readonly DescExtension[];
  /** Fields that hold secrets though no option says so. Default: none. */
  readonly secretFields?: readonly DescField[];
}

/** Knows from the descriptors which fields hold secrets. */
export interface Redactor {
  /** Whether a message of this type can hold a secret, at any depth. */
  holdsSecrets(type: DescMessage): boolean;
  /** The message as plain data for a log line: fields that are set, secrets replaced, bytes as their number. */
  show(type: DescMessage, message: Message): Readonly<Record<string, unknown>>;
  /** Every text of three characters or more in the message's secret fields, the longest first. */
  secretsIn(type: DescMessage, message: Message): readonly string[];
}

/** Shorter texts are no secrets worth the name, and taking them out would garble every sentence. */
const minSecretLength = 3;
/** A message that holds itself goes no deeper into a log line. */
const maxDepth = 16;

/** Makes a redactor; what it learns of a message type it keeps. */
export function createRedactor({ secretOptions = [], secretFields = [] }: RedactorOptions = {}): Redactor {
  const known = new WeakMap<DescMessage, boolean>();

  const isSecret = (field: DescField): boolean =>
    field.proto.options?.debugRedact === true ||
    secretOptions.some((option) => isMarked(field, option)) ||
    secretFields.includes(field);

  const search = (type: DescMessage, seen: Set<DescMessage>): boolean => {
    if (seen.has(type)) return false;
    seen.add(type);
    return type.fields.some((field) => isSecret(field) || (field.message !== undefined && search(field.message, seen)));
  };

  const holdsSecrets = (type: DescMessage): boolean => {
    const before = known.get(type);
    if (before !== undefined) return before;
    const found = search(type, new Set());
    known.set(type, found);
    return found;
  };

  const show = (type: DescMessage, message: object, depth: number): Readonly<Record<string, unknown>> => {
    if (depth > maxDepth) return { "...": "[too deep]" };
    const shown: Record<string, unknown> = {};
    for (const field of type.fields) {
      const value = valueOf(field, message);
      if (value === undefined || isEmpty(value)) continue;
      shown[field.localName] = isSecret(field) ? redacted : showField(field, value, depth + 1);
    }
    return shown;
  };

  const showField = (field: DescField, value: unknown, depth: number): unknown => {
    const one = (item: unknown): unknown => {
      if (ArrayBuffer.isView(item)) return `[${item.byteLength} bytes]`;
      if (field.enum !== undefined) return field.enum.value[Number(item)]?.name ?? item;
      return field.message !== undefined && isRecord(item) ? show(field.message, item, depth) : item;
    };
    if (field.fieldKind === "list" && Array.isArray(value)) return value.map(one);
    if (field.fieldKind === "map" && isRecord(value)) {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, one(item)]));
    }
    return one(value);
  };

  const collect = (type: DescMessage, message: object, found: Set<string>, depth: number): void => {
    if (depth > maxDepth || !holdsSecrets(type)) return;
    for (const field of type.fields) {
      const value = valueOf(field, message);
      if (isSecret(field)) collectTexts(value, found);
      else if (field.message !== undefined) {
        const nested: readonly unknown[] =
          field.fieldKind === "list" && Array.isArray(value)
            ? value
            : field.fieldKind === "map" && isRecord(value)
              ? Object.values(value)
              : [value];
        for (const item of nested) if (isRecord(item)) collect(field.message, item, found, depth + 1);
      }
    }
  };

  return {
    holdsSecrets,
    show: (type, message) => show(type, message, 0),
    secretsIn: (type, message) => {
      const found = new Set<string>();
      collect(type, message, found, 0);
      return [...found].toSorted((a, b) => b.length - a.length);
    },
  };
}

/** The secrets that a call's request carries, which no text about the call may repeat. */
export function secretsOf(redactor: Redactor, method: DescMethod, request: object): readonly string[] {
  if (asksStream(method) || !redactor.holdsSecrets(method.input)) return [];
  return redactor.secretsIn(method.input, request as Message);
}

/** The text without any of the secrets. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, redacted), text);
}

function isMarked(field: DescField, option: DescExtension): boolean {
  // The option's type is the caller's; anything but a set boolean does not mark.
  return (
    option.extendee.typeName === "google.protobuf.FieldOptions" &&
    getOption(field, option as GenExtension<FieldOptions>) === true
  );
}

/** A field's value in a message of protobuf-es, where the members of a oneof share one property. */
function valueOf(field: DescField, message: object): unknown {
  if (field.oneof === undefined) return Reflect.get(message, field.localName);
  const chosen: unknown = Reflect.get(message, field.oneof.localName);
  return isRecord(chosen) && chosen["case"] === field.localName ? chosen["value"] : undefined;
}

function isEmpty(value: unknown): boolean {
  if (value === "" || value === 0 || value === 0n || value === false) return true;
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Reflect.get(value, "length") === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}

function collectTexts(value: unknown, found: Set<string>): void {
  if (typeof value === "string") {
    if (value.length >= minSecretLength) found.add(value);
  } else if (value instanceof Uint8Array) {
    collectTexts(new TextDecoder().decode(value), found);
  } else if (Array.isArray(value)) {
    for (const item of value) collectTexts(item, found);
  } else if (isRecord(value)) {
    for (const [key, item] of Object.entries(value)) if (key !== "$typeName") collectTexts(item, found);
  }
}
