import { type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import {
  bannedCharacters,
  maxBytesOf,
  maxMapBytes,
  maxSecretBytes,
  requiredFields,
  uncountedKeys,
} from "./field-rules.ts";

/** One thing that is wrong with a message: `volume_capabilities[0].access_mode is missing`. */
export type Problem = string;

type Check = (message: object, at: string) => Problem | undefined;

const known = new WeakMap<DescMessage, readonly Check[]>();

/**
 * The first thing that is wrong with a message by the rules that hold for every field of its kind: required fields, sizes,
 * control characters, known enum values, numbers that are not negative, absolute paths. Undefined if all is well.
 */
export function problemOf(type: DescMessage, message: object, at = ""): Problem | undefined {
  for (const check of checksOf(type)) {
    const problem = check(message, at);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checksOf(type: DescMessage): readonly Check[] {
  const before = known.get(type);
  if (before !== undefined) return before;
  const required = requiredFields[type.typeName] ?? [];
  const checks = type.members.flatMap((member): readonly Check[] =>
    member.kind === "oneof" ? oneofChecks(member, required) : fieldChecks(member, required.includes(member.name)),
  );
  known.set(type, checks);
  return checks;
}

function oneofChecks(oneof: DescOneof, required: readonly string[]): readonly Check[] {
  const { localName, name } = oneof;
  const chosen = (message: object): { readonly case?: string; readonly value?: unknown } =>
    // protobuf-es gives every oneof this form.
    Reflect.get(message, localName) as { readonly case?: string };
  const presence: Check = (message, at) => (chosen(message).case === undefined ? `${at}${name} is missing` : undefined);
  const inner: Check = (message, at) => {
    const { case: choice, value } = chosen(message);
    const field = oneof.fields.find((one) => one.localName === choice);
    return field?.message === undefined ? undefined : problemOf(field.message, value as object, `${at}${field.name}.`);
  };
  return required.includes(name) ? [presence, inner] : [inner];
}

function fieldChecks(field: DescField, isRequired: boolean): readonly Check[] {
  const { localName, name } = field;
  const check = valueCheck(field);
  return [
    (message, at) => {
      const value: unknown = Reflect.get(message, localName);
      if (isEmpty(value)) return isRequired ? `${at}${name} is missing` : undefined;
      return check(value, `${at}${name}`);
    },
  ];
}

type ValueCheck = (value: unknown, at: string) => Problem | undefined;

function valueCheck(field: DescField): ValueCheck {
  switch (field.fieldKind) {
    case "map":
      return mapCheck(field.name);
    case "list":
      return listCheck(field);
    case "message": {
      const { message } = field;
      // Wrapped numbers arrive bare: protobuf-es unwraps google.protobuf.Int64Value.
      return (value, at) =>
        typeof value === "object" && value !== null ? problemOf(message, value, `${at}.`) : notNegative(value, at);
    }
    case "enum": {
      const values = field.enum.value;
      return (value, at) =>
        values[Number(value)] === undefined ? `${at} has the unknown value ${String(value)}` : undefined;
    }
    case "scalar":
      return field.scalar === ScalarType.STRING ? stringCheck(field.name) : notNegative;
  }
}

function listCheck(field: DescField & { fieldKind: "list" }): ValueCheck {
  if (field.name === "mount_flags") return flagsCheck;
  const one: ValueCheck =
    field.listKind === "message"
      ? (item, at) => problemOf(field.message, item as object, `${at}.`)
      : stringCheck(field.name);
  return (value, at) => {
    for (const [index, item] of (value as readonly unknown[]).entries()) {
      const problem = one(item, `${at}[${index}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

const flagsCheck: ValueCheck = (value, at) => {
  const bytes = (value as readonly string[]).reduce((sum, flag) => sum + Buffer.byteLength(flag), 0);
  return bytes > maxMapBytes ? `${at} has ${bytes} bytes, ${maxMapBytes} are allowed` : undefined;
};

function stringCheck(name: string): ValueCheck {
  const max = maxBytesOf(name);
  // Where a volume should be found, but is not, is answered with NOT_FOUND, whatever the path (csi-sanity).
  const mustBeAbsolute = name.endsWith("target_path");
  const isText = name === "message";
  return (value, at) => {
    const text = String(value);
    // Three bytes a character at most, so that short texts need no counting.
    const bytes = text.length * 3 > max ? Buffer.byteLength(text) : 0;
    if (bytes > max) return `${at} has ${bytes} bytes, ${max} are allowed`;
    if (!isText && bannedCharacters.test(text)) return `${at} has control characters`;
    if (!mustBeAbsolute) return undefined;
    if (!text.startsWith("/")) return `${at} is no absolute path`;
    return text.split("/").includes("..") ? `${at} has a step upwards` : undefined;
  };
}

function mapCheck(name: string): ValueCheck {
  const isSecret = name === "secrets";
  const max = isSecret ? maxSecretBytes : maxMapBytes;
  return (value, at) => {
    let bytes = 0;
    for (const [key, item] of Object.entries(value as Readonly<Record<string, string>>)) {
      if (isSecret && !/^[-\w.]+$/.test(key))
        return `${at} has a key of other characters than letters, digits and - _ .`;
      if (!uncountedKeys.has(key)) bytes += Buffer.byteLength(key) + Buffer.byteLength(item);
    }
    return bytes > max ? `${at} has ${bytes} bytes, ${max} are allowed` : undefined;
  };
}

const notNegative: ValueCheck = (value, at) =>
  (typeof value === "bigint" || typeof value === "number") && value < 0 ? `${at} is negative` : undefined;

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "" || value === 0 || value === 0n || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && value !== null && !("$typeName" in value) && Object.keys(value).length === 0;
}
