import { KxError } from "../error.ts";
import { isRecord } from "../is-record.ts";
import type { JsonSchema, Schema } from "../schema.ts";

/** What a flag or an environment variable can carry; anything richer is for the file alone. */
export type SettingType = "string" | "number" | "boolean" | "list";

/** One leaf of a configuration's schema that can be set by flag and by environment. */
export interface Setting {
  readonly path: readonly string[];
  /** Without its dashes: `health-port`. */
  readonly flag: string;
  /** With its prefix: `KX_HEALTH_PORT`. */
  readonly env: string;
  readonly type: SettingType;
  readonly description: string;
  readonly choices: readonly string[];
  readonly default: unknown;
  readonly isRequired: boolean;
}

/**
 * The settings that a schema describes, nested objects flattened (`health: { port }` becomes `--health-port`).
 *
 * @throws KxError `KX_CONFIG_SCHEMA` if the schema cannot describe itself as an object, or two settings share a flag.
 */
export function settingsOf(schema: Schema<unknown>, envPrefix: string): readonly Setting[] {
  const root = schema.jsonSchema?.();
  if (root === undefined || !isRecord(root["properties"])) {
    throw new KxError("KX_CONFIG_SCHEMA", "the configuration's schema does not describe an object", {
      remedy: "give a Schema with jsonSchema(), for example miniSchema(z.strictObject({ ... }))",
    });
  }
  const settings = flatten(root, [], envPrefix, true);
  const flags = new Set<string>(["help"]);
  for (const { flag, path } of settings) {
    if (flags.has(flag)) {
      throw new KxError("KX_CONFIG_SCHEMA", `two settings share the flag --${flag}; one is ${path.join(".")}`);
    }
    flags.add(flag);
  }
  return settings;
}

function flatten(schema: JsonSchema, path: readonly string[], prefix: string, isRequired: boolean): readonly Setting[] {
  const properties = isRecord(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return Object.entries(properties).flatMap(([key, below]) => {
    if (!isRecord(below)) return [];
    const at = [...path, key];
    const isNeeded = isRequired && required.includes(key);
    if (isRecord(below["properties"])) return flatten(below, at, prefix, isNeeded);
    const type = settingType(below);
    return type === undefined ? [] : [setting(below, at, prefix, type, isNeeded)];
  });
}

function setting(
  schema: JsonSchema,
  path: readonly string[],
  prefix: string,
  type: SettingType,
  isRequired: boolean,
): Setting {
  const words = path.flatMap((key) => key.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2").split(/[\s_-]+/));
  return {
    path,
    flag: words.join("-").toLowerCase(),
    env: [prefix, ...words].join("_").toUpperCase(),
    type,
    description: typeof schema["description"] === "string" ? schema["description"] : "",
    choices: Array.isArray(schema["enum"]) ? schema["enum"].map(String) : [],
    default: schema["default"],
    isRequired,
  };
}

function settingType(schema: JsonSchema): SettingType | undefined {
  switch (schema["type"]) {
    case "string":
    case "boolean":
    case "number":
      return schema["type"];
    case "integer":
      return "number";
    case "array":
      return isRecord(schema["items"]) && schema["items"]["type"] === "string" ? "list" : undefined;
    default:
      return undefined;
  }
}
