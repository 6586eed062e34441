// Writes docs/errors.md from the error catalogues of the built packages; with --check, only tells whether it is stale or a
// code is thrown that no catalogue lists.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

interface Entry {
  readonly meaning: string;
  readonly remedy: string;
}

/** A package's name and its catalogue. */
export interface Catalogue {
  readonly name: string;
  readonly entries: Readonly<Record<string, Entry>>;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const command = "node tooling/errors-table.ts";

/** The whole page; throws if two packages claim a code, or a row is not fit to be shown. */
export function renderErrors(catalogues: readonly Catalogue[]): string {
  const owners = new Map<string, string>();
  const sections = catalogues.map(({ name, entries }) => {
    const rows = Object.entries(entries).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const lines = rows.map(([code, { meaning, remedy }]) => {
      if (!/^KX(_[A-Z0-9]+){2,}$/.test(code)) throw new Error(`${name}: ${code} is not of the form KX_<AREA>_<WHAT>`);
      if (owners.has(code)) throw new Error(`${code} stands in ${owners.get(code)} and in ${name}`);
      if (meaning.trim() === "" || remedy.trim() === "")
        throw new Error(`${name}: ${code} lacks a meaning or a remedy`);
      owners.set(code, name);
      return `| <a id="${code}"></a>\`${code}\` | ${cell(meaning)} | ${cell(remedy)} |`;
    });
    return `## ${name}\n\n| code | meaning | how to solve |\n| --- | --- | --- |\n${lines.join("\n")}\n`;
  });
  const head = `# Errors

Every error of kx carries a code, which its message starts with. This page is written by \`${command}\`
from each package's \`errors.ts\`; change it there.
`;
  return [head, ...sections].join("\n");
}

/** The catalogues of all packages that are built and have one. */
export async function readCatalogues(): Promise<readonly Catalogue[]> {
  const packages = readdirSync(join(root, "packages")).toSorted();
  const entries = [
    // What others stand on comes first.
    ...["core", ...packages.filter((name) => name !== "core")].map((name) => ({
      name,
      file: `packages/${name}/dist/index.js`,
    })),
    // The command exports nothing; its catalogue imports only types, so node runs the source.
    { name: "cli", file: "apps/cli/src/errors.ts" },
  ];
  const found: Catalogue[] = [];
  for (const { name, file } of entries) {
    const path = join(root, file);
    if (!existsSync(path)) continue;
    const loaded: Record<string, unknown> = await import(pathToFileURL(path).href);
    const key = `${name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}Errors`;
    const catalogue = loaded[key];
    if (isCatalogue(catalogue)) found.push({ name: `@kx/${name}`, entries: catalogue });
  }
  return found;
}

function isCatalogue(value: unknown): value is Catalogue["entries"] {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** The first line in which the page differs from what it should be. */
export function firstDifference(actual: string, expected: string): string {
  const before = actual.split("\n");
  const after = expected.split("\n");
  const at = after.findIndex((line, index) => line !== before[index]);
  const line = at === -1 ? after.length : at;
  return `line ${line + 1}:\n  is:        ${before[line] ?? "(end)"}\n  should be: ${after[line] ?? "(end)"}`;
}

/** The codes that a source text throws, as far as they stand there as literals. */
export function thrownCodes(source: string): readonly string[] {
  return [...source.matchAll(/new KxError\(\s*"(KX_[A-Z0-9_]+)"/g)].map((match) => match[1] ?? "");
}

/** Codes that sources throw and no catalogue lists, each with its file. */
function uncatalogued(catalogues: readonly Catalogue[]): readonly string[] {
  const known = new Set(catalogues.flatMap(({ entries }) => Object.keys(entries)));
  const files = ["packages", "apps"].flatMap((folder) =>
    readdirSync(join(root, folder)).flatMap((name) => sourcesBelow(join(folder, name, "src"))),
  );
  return files.flatMap((file) =>
    thrownCodes(readFileSync(join(root, file), "utf8"))
      .filter((code) => !known.has(code))
      .map((code) => `${code} in ${file}`),
  );
}

function sourcesBelow(folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts")).map((name) => join(folder, name));
}

async function main(args: readonly string[]): Promise<number> {
  const path = join(root, "docs/errors.md");
  const catalogues = await readCatalogues();
  const expected = renderErrors(catalogues);
  if (!args.includes("--check")) {
    writeFileSync(path, expected);
    return 0;
  }
  const missing = uncatalogued(catalogues);
  if (missing.length > 0) {
    process.stderr.write(`codes that no errors.ts lists:\n  ${missing.join("\n  ")}\n`);
    return 1;
  }
  const actual = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (actual === expected) return 0;
  process.stderr.write(
    `docs/errors.md is stale, ${firstDifference(actual, expected)}\nRun: npm run build && ${command}\n`,
  );
  return 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
