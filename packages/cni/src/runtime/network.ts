import { KxError } from "@kx/core";
import {
  type CniVersion,
  cniVersions,
  type JsonObject,
  type ListedPlugin,
  type NetworkConfigList,
  networkConfigList,
} from "@kx/core/contracts/cni";
import { describeIssues } from "../plugin/issues.ts";
import { parseObject } from "../plugin/json-object.ts";
import { isAtLeast, isCniVersion, newestVersion } from "../plugin/results.ts";

/** A network as its list describes it. */
export interface Network {
  readonly name: string;
  /** The version that its plug-ins are run with: the highest that the list names and this package knows. */
  readonly cniVersion: CniVersion;
  /** In the order of ADD, each with all fields of its own. */
  readonly plugins: readonly (ListedPlugin & JsonObject)[];
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  /** The list as it was written, which caches keep. */
  readonly source: string;
}

/** A list whose plug-ins may still be added to. */
export interface ParsedList extends Network {
  readonly loadOnlyInlinedPlugins: boolean;
}

/**
 * Reads the text of a `.conflist`, whose plug-ins all stand in it.
 *
 * @param what - the text is, for messages; such as its path.
 * @throws KxError `KX_CNI_DECODING`, `KX_CNI_CONFIG` or `KX_CNI_VERSION`.
 */
export async function parseNetwork(text: string, what = "the network's configuration"): Promise<Network> {
  const list = await parseList(text, what);
  return requirePlugins(list, what);
}

/** Reads a list as `parseNetwork`, but may find no plug-ins. */
export async function parseList(text: string, what: string): Promise<ParsedList> {
  const raw = parseObject(text, what);
  const checked = await networkConfigList["~standard"].validate(raw);
  if (checked.issues !== undefined) {
    throw new KxError("KX_CNI_CONFIG", `${what} is wrong: ${describeIssues(checked.issues, raw).join("; ")}`);
  }
  const { name, disableCheck, disableGC, loadOnlyInlinedPlugins, plugins = [] } = checked.value;
  const cniVersion = chooseVersion(checked.value, what);
  const listed = plugins.map((plugin): ListedPlugin & JsonObject => ({ ...plugin }));
  return { name, cniVersion, plugins: listed, disableCheck, disableGC, loadOnlyInlinedPlugins, source: text };
}

/** Reads one plug-in's configuration, which older networks consist of, as a list of that one. */
export function listOf(plugin: JsonObject): string {
  const { name, cniVersion } = plugin;
  return JSON.stringify({ cniVersion, name, plugins: [plugin] });
}

/** The network, if it has plug-ins. */
export function requirePlugins(network: Network, what: string): Network {
  if (network.plugins.length > 0) return network;
  throw new KxError("KX_CNI_CONFIG", `${what} names no plug-in`, {
    remedy: "list some under `plugins`, or in a folder beside it that is named like the network",
  });
}

function chooseVersion({ cniVersion, cniVersions: more = [] }: NetworkConfigList, what: string): CniVersion {
  const named = [cniVersion === "" ? "0.1.0" : cniVersion, ...more];
  const chosen = named
    .filter(isCniVersion)
    .reduce<CniVersion | undefined>(
      (best, version) => (best === undefined || isAtLeast(version, best) ? version : best),
      undefined,
    );
  if (chosen !== undefined) return chosen;
  throw new KxError("KX_CNI_VERSION", `${what} needs version ${named.join(" or ")} of CNI`, {
    remedy: `kx knows ${cniVersions.join(", ")}; add one to cniVersions, up to ${newestVersion}`,
  });
}
