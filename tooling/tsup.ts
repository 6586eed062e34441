import { fileURLToPath } from "node:url";
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

// What kx starts as a process or worker: in a bundle's folder each is a bundle of its own.
const processes = Object.fromEntries(
  ["bounded-child", "netlink-worker"].map((name) => [
    name,
    fileURLToPath(new URL(`../packages/core/src/linux/${name}.ts`, import.meta.url)),
  ]),
);

/**
 * Programs in one file each, for places without `node_modules`, such as nodes. Beside them stand the processes that
 * `@kx/core/linux` starts; the addon that it needs, `linuxAddonPath()`, is of the machine and put there by who installs them.
 */
export function bundle(entry: Record<string, string>): Options {
  return preset(
    { ...entry, ...processes },
    {
      splitting: false,
      noExternal: [/.*/],
      banner: {
        // CommonJS packages inside require Node's own modules, and pino names __dirname for the workers that kx never uses.
        js: 'import { createRequire as kxCreateRequire } from "node:module";\nconst require = kxCreateRequire(import.meta.url);',
      },
    },
  );
}
