import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseNetwork } from "@kx/cni/runtime";
import { guessRole, type PluginRole } from "@kx/cni/testing";
import { KxError } from "@kx/core";

type JsonObject = Readonly<Record<string, unknown>>;

/** A plug-in's configuration, and what it tells of the plug-in. */
export interface PluginConfiguration {
  readonly config: JsonObject;
  readonly role: PluginRole;
}

/**
 * Finds a plug-in's configuration in a file: that of one plug-in, or a list in which it stands; there, what comes behind
 * another plug-in is chained.
 *
 * @throws KxError `KX_CLI_CNI`, or what is wrong with the list.
 */
export async function readPluginConfig(path: string, executable: string): Promise<PluginConfiguration> {
  const file = await readJson(path);
  const type = basename(executable);
  if (!Array.isArray(file["plugins"])) return { config: { type, ...file }, role: roleIn(file, type) };
  const { cniVersion, plugins } = await parseNetwork(JSON.stringify(file), path);
  const index = plugins.findIndex((plugin) => plugin.type === type);
  const addresses = plugins.find(({ ipam }) => ipam?.type === type);
  if (index >= 0) {
    const config = { ...plugins[index], cniVersion };
    return { config, role: index > 0 ? "chained" : guessRole(config) };
  }
  if (addresses !== undefined) return { config: { ...addresses, cniVersion }, role: "addresses" };
  const types = plugins.flatMap((plugin) => [
    plugin.type,
    ...(plugin.ipam?.type === undefined ? [] : [plugin.ipam.type]),
  ]);
  throw new KxError("KX_CLI_CNI", `the list ${path} has no plug-in ${type}`, {
    remedy: `it has ${types.join(", ")}: name the executable like one of these, or give the configuration of the one plug-in`,
  });
}

/** Reads a file that must hold a JSON object. */
export async function readJson(path: string): Promise<JsonObject> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === undefined ? "holds no JSON" : `cannot be read: ${code}`;
    throw new KxError("KX_CLI_CNI", `${path} ${why}`, { cause, remedy: "name a file that holds a JSON object" });
  }
  throw new KxError("KX_CLI_CNI", `${path} holds no JSON object`, { remedy: "name a file that holds one" });
}

function roleIn(config: JsonObject, type: string): PluginRole {
  const { ipam } = config;
  const isAddresses = typeof ipam === "object" && ipam !== null && Reflect.get(ipam, "type") === type;
  return isAddresses ? "addresses" : guessRole(config);
}
