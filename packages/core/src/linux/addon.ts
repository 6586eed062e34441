import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);

/**
 * The file of koffi's native addon for this Node: put it beside a bundled program as `koffi.node`, since the program's folder
 * has no `node_modules`. Undefined where koffi is not installed.
 */
export function linuxAddonPath(): string | undefined {
  try {
    loadKoffi();
  } catch {
    return undefined;
  }
  // Which of its binaries fits, by processor and C library, is koffi's own choice.
  return addonBeside() ?? Object.keys(require.cache).find((path) => basename(path) === "koffi.node");
}

/** Koffi, as its native addon beside the bundle that this module is in, or as the package. */
export function loadKoffi(): unknown {
  const loaded: { readonly default?: unknown } = require(addonBeside() ?? "koffi");
  return loaded.default ?? loaded;
}

function addonBeside(): string | undefined {
  const path = fileURLToPath(new URL("koffi.node", import.meta.url));
  return existsSync(path) ? path : undefined;
}
