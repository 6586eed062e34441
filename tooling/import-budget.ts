// Holds what importing a subpath may cost, counted and not timed: executed plug-ins start anew for each pod, so what they
// import loads nothing but its own few kilobytes. `npm run bench -- imports` times the same table.
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { publishedWorkspaces } from "./workspaces.ts";

/** What importing a subpath may load and take; what is absent is not bounded. */
interface Budget {
  /** JavaScript that the import loads of its own package, in bytes. */
  readonly bytes?: number;
  /** Modules of Node that it may load. */
  readonly builtins?: readonly string[];
  /** Other packages that it may load, with what these load. */
  readonly packages?: readonly string[];
  /** Milliseconds that the import takes over bare Node, or a package whose own import it may cost. Told by the bench alone. */
  readonly cost?: number | string;
}

const small: Budget = { bytes: 16_384, builtins: [], packages: [], cost: 3 };
const grpcPackages = ["@grpc/grpc-js", "@js-sdsl/ordered-map", "@bufbuild/protobuf"];
const budgets: readonly (readonly [name: RegExp, budget: Budget])[] = [
  [/^@kx\/core$/, small],
  [/^@kx\/core\/units$/, small],
  [/^@kx\/core\/contracts\//, { builtins: [], packages: ["@bufbuild/protobuf", "zod"] }],
  [/^@kx\/core\/grpc$/, { packages: grpcPackages, cost: "@grpc/grpc-js" }],
];

/** A subpath of a package, as it is imported. */
export interface Subpath {
  readonly name: string;
  /** Of the built entry. */
  readonly url: string;
  /** Of the package's folder `dist`. */
  readonly home: string;
  readonly budget: Budget | undefined;
}

/** Every subpath that the published packages export. */
export function subpaths(): readonly Subpath[] {
  return publishedWorkspaces().flatMap(({ dir, manifest }) =>
    Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
      if (typeof target === "string" || target.default === undefined) return [];
      const name = join(manifest.name, subpath);
      return [
        {
          name,
          url: pathToFileURL(join(dir, target.default)).href,
          home: `${pathToFileURL(dir).href}/dist/`,
          budget: budgets.find(([pattern]) => pattern.test(name))?.[1],
        },
      ];
    }),
  );
}

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
  { bytes = Infinity, builtins, packages }: Budget,
): readonly string[] {
  const files = loaded.filter((url) => url.startsWith("file:"));
  const own = files.filter((url) => url.startsWith(home));
  const total = own.reduce((sum, url) => sum + statSync(fileURLToPath(url)).size, 0);
  const isForeign = (url: string) => !own.includes(url) && !packages?.includes(packageOf(url));
  const isBuiltin = (url: string) => url.startsWith("node:");
  return [
    ...(packages === undefined ? [] : files.filter(isForeign)).map(
      (url) => `loads ${fileURLToPath(url)}, of another package`,
    ),
    ...(builtins === undefined ? [] : loaded.filter((url) => isBuiltin(url) && !builtins.includes(url))).map(
      (url) => `loads ${url}`,
    ),
    ...(total > bytes ? [`loads ${total} bytes, ${bytes} allowed`] : []),
  ];
}

/** The package that an installed file is of; empty for one of ours. */
function packageOf(url: string): string {
  return /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? "";
}

if (import.meta.main) {
  for (const { name, url, home, budget } of subpaths()) {
    if (budget === undefined) continue;
    const loaded = loadedBy(url);
    const faults = excess(loaded, home, budget);
    for (const fault of faults) console.error(`${name}: ${fault}`);
    console.log(`${name}: ${loaded.length} modules, ${faults.length} faults`);
    if (faults.length > 0) process.exitCode = 1;
  }
}
