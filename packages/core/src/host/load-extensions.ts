import type { HostConfiguration } from "../config/host-configuration.ts";
import type { Entry, HostedExtension } from "./hosted-extension.ts";
import { type IsolationOptions, loadIsolated } from "./isolated.ts";
import { type ExtensionImports, loadExtension } from "./load-extension.ts";
import { refuseTwins } from "./refuse-twins.ts";

/** Where extensions are looked for. */
export interface LoadExtensionsOptions {
  /**
   * Paths or file URLs, tried in turn: of files, beside which a package is looked for as if that file imported it; and of
   * folders, which end with a slash and hold packages under their names or in `node_modules`.
   */
  readonly resolveFrom: readonly string[];
  /** Packages that the host brings itself, by their names: what imports each. They come before those in folders. Default: none. */
  readonly modules?: ExtensionImports;
  /** How extensions with `isolation: process` are run. */
  readonly isolation?: IsolationOptions;
}

/**
 * Imports the extensions that a host's configuration names and creates each with its options; those with `isolation:
 * process` are only tried, in a process that ends again.
 *
 * @throws KxError `KX_HOST_EXTENSION_*`, naming the package, its place in the configuration, and what to do.
 */
export async function loadExtensions(
  configuration: HostConfiguration,
  { resolveFrom, modules = {}, isolation = {} }: LoadExtensionsOptions,
): Promise<readonly HostedExtension[]> {
  const entries: readonly Entry[] = configuration.extensions.map((entry, index) => ({
    ...entry,
    at: `extensions[${index}]`,
  }));
  const extensions = await Promise.all(
    entries.map((entry) =>
      entry.isolation === "process"
        ? loadIsolated(entry, resolveFrom, isolation)
        : loadExtension(entry, resolveFrom, modules),
    ),
  );
  refuseTwins(extensions);
  return extensions;
}
