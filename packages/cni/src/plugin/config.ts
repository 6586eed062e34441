import { KxError, type Schema } from "@kx/core";
import { type CniVersion, type JsonObject, type PluginConfig, pluginConfig } from "@kx/core/contracts/cni";
import type { CniPlugin } from "./cni-plugin.ts";
import { describeIssues } from "./issues.ts";
import { parseObject } from "./json-object.ts";
import { isCniVersion } from "./results.ts";

/** A configuration as the runtime gave it, and as handlers get it. */
export interface DecodedConfig<Config> {
  readonly raw: JsonObject;
  readonly version: CniVersion;
  readonly config: PluginConfig & Config;
}

/**
 * Reads standard input as a JSON object.
 *
 * @throws KxError `KX_CNI_DECODING`.
 */
export async function parseInput(stdin: string | AsyncIterable<Uint8Array>, maxBytes: number): Promise<JsonObject> {
  const text = typeof stdin === "string" ? stdin : await readAll(stdin, maxBytes);
  if (text.length > maxBytes) throw tooLarge(maxBytes);
  return parseObject(text, "the configuration on standard input");
}

/** The version that a configuration names, 0.1.0 if it names none; undefined if it is not one that the plug-in knows. */
export function versionOf(raw: JsonObject, plugin: Pick<CniPlugin, "supportedVersions">): CniVersion | undefined {
  const named = raw["cniVersion"] ?? "";
  const version = named === "" ? "0.1.0" : named;
  return isCniVersion(version) && plugin.supportedVersions.includes(version) ? version : undefined;
}

/**
 * Checks what every configuration has, and the plug-in's own fields.
 *
 * @throws KxError `KX_CNI_VERSION` or `KX_CNI_CONFIG`, which names everything that is wrong.
 */
export async function decodeConfig<Config>(raw: JsonObject, plugin: CniPlugin<Config>): Promise<DecodedConfig<Config>> {
  const version = versionOf(raw, plugin);
  if (version === undefined) {
    throw new KxError(
      "KX_CNI_VERSION",
      `${plugin.name} does not support cniVersion ${JSON.stringify(raw["cniVersion"])}`,
      {
        remedy: `it supports ${plugin.supportedVersions.join(", ")}`,
      },
    );
  }
  const normal = { ...withoutNulls(raw), cniVersion: version };
  const common = await check(pluginConfig, normal);
  // The plug-in's schema sees the common fields as they were read: it may hand them on.
  const own =
    plugin.config === undefined ? { value: {} as Config } : await check(plugin.config, common.value ?? normal);
  const problems = [...new Set([...(common.problems ?? []), ...(own.problems ?? [])])];
  if (problems.length > 0) throw new KxError("KX_CNI_CONFIG", `the configuration is wrong: ${problems.join("; ")}`);
  return { raw: normal, version, config: { ...common.value, ...own.value } as PluginConfig & Config };
}

/** Configurations that have been decoded, for a host that gets the same ones again and again. */
export interface DecodedConfigs {
  decode<Config>(raw: JsonObject, plugin: CniPlugin<Config>): Promise<DecodedConfig<Config>>;
}

const keptEach = 64;

/**
 * Keeps what has been decoded of configurations without `prevResult`, as those of an ADD are. Only for plug-ins whose
 * handlers do not change what they get, and whose schemas look at nothing else.
 */
export function createDecodedConfigs(): DecodedConfigs {
  const known = new WeakMap<object, Map<string, DecodedConfig<unknown>>>();
  return {
    async decode<Config>(raw: JsonObject, plugin: CniPlugin<Config>) {
      if (Object.hasOwn(raw, "prevResult")) return await decodeConfig(raw, plugin);
      const ofPlugin = known.get(plugin) ?? new Map<string, DecodedConfig<unknown>>();
      const text = JSON.stringify(raw);
      const found = ofPlugin.get(text);
      // What is kept for a plug-in was decoded by its own schema.
      if (found !== undefined) return found as DecodedConfig<Config>;
      const decoded = await decodeConfig(raw, plugin);
      if (ofPlugin.size >= keptEach) ofPlugin.clear();
      known.set(plugin, ofPlugin.set(text, decoded));
      return decoded;
    },
  };
}

/** Go takes null for absent; only in the lists of GC it means something else. */
function withoutNulls(raw: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(raw).filter(([key, value]) => value !== null || key.startsWith("cni.dev/")));
}

async function check<T>(schema: Schema<T>, value: unknown): Promise<{ value?: T; problems?: readonly string[] }> {
  const checked = await schema["~standard"].validate(value);
  return checked.issues === undefined ? { value: checked.value } : { problems: describeIssues(checked.issues, value) };
}

async function readAll(stdin: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function tooLarge(maxBytes: number): KxError {
  return new KxError("KX_CNI_DECODING", `the configuration on standard input has more than ${maxBytes} bytes`);
}
