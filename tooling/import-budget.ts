// Holds what importing a subpath may cost, counted and not timed: executed plug-ins start anew for each pod, so what they
// import loads nothing but its own few kilobytes.
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { root } from "./workspaces.ts";

interface Budget {
  /** The built entry, from the root. */
  readonly entry: string;
  /** All JavaScript that the import loads, in bytes. */
  readonly bytes: number;
  /** Modules of Node that it may load, and no package at all. */
  readonly builtins: readonly string[];
}

const budgets: readonly Budget[] = [
  { entry: "packages/core/dist/index.js", bytes: 16_384, builtins: [] },
  { entry: "packages/core/dist/units/index.js", bytes: 16_384, builtins: [] },
];

/** The URLs of all modules that importing `url` loads, in a process of its own. */
export function loadedBy(url: string): readonly string[] {
  const program = `
    import { registerHooks } from "node:module";
    const seen = new Set();
    registerHooks({ resolve(specifier, context, next) {
      const found = next(specifier, context);
      seen.add(found.url);
      return found;
    } });
    await import(${JSON.stringify(url)});
    process.stdout.write(JSON.stringify([...seen]));`;
  const args = ["--input-type=module", "--eval", program];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as readonly string[];
}

/** What a list of loaded modules exceeds of a budget. */
export function excess(
  loaded: readonly string[],
  home: string,
  { bytes, builtins }: Omit<Budget, "entry">,
): readonly string[] {
  const files = loaded.filter((url) => url.startsWith("file:"));
  const total = files.reduce((sum, url) => sum + statSync(fileURLToPath(url)).size, 0);
  return [
    ...files.filter((url) => !url.startsWith(home)).map((url) => `loads ${fileURLToPath(url)}, of another package`),
    ...loaded.filter((url) => url.startsWith("node:") && !builtins.includes(url)).map((url) => `loads ${url}`),
    ...(total > bytes ? [`loads ${total} bytes, ${bytes} allowed`] : []),
  ];
}

if (import.meta.main) {
  for (const { entry, ...budget } of budgets) {
    const url = pathToFileURL(join(root, entry)).href;
    const home = url.slice(0, url.indexOf("/dist/") + "/dist/".length);
    const loaded = loadedBy(url);
    const faults = excess(loaded, home, budget);
    for (const fault of faults) console.error(`${entry}: ${fault}`);
    console.log(`${entry}: ${loaded.length} modules, ${faults.length} faults`);
    if (faults.length > 0) process.exitCode = 1;
  }
}
