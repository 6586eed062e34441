import type { Options } from "tsup";

/**
 * The one build preset: JavaScript by tsup, declarations by the native tsc (see each package's build script).
 * `entry` lists what a package exports or runs as a process of its own; nothing else may be imported deeply.
 */
export function preset(entry: Record<string, string>, overrides: Options = {}): Options {
  return {
    entry,
    format: "esm",
    target: "node22",
    platform: "node",
    dts: false,
    sourcemap: true,
    splitting: true,
    clean: true,
    silent: true,
    ...overrides,
  };
}
