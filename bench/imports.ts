// What importing each subpath of our packages takes over bare Node, each time in a new process, medians over interleaved
// rounds, beside its budget (of tooling/import-budget.ts). A figure, not a test. `node bench/imports.ts [rounds]`
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { promisify } from "node:util";
import { excess, loadedBy, type Subpath, subpaths } from "../tooling/import-budget.ts";

const rounds = Number(process.argv[2] ?? 10);
const empty = "data:text/javascript,";
// From the package that depends on it, as a kit's author would.
const home = new URL("../packages/core/package.json", import.meta.url).href;

/** Milliseconds of one import, in a process that has imported nothing else. */
async function importMs(specifier: string): Promise<number> {
  const program = `
    import { createRequire } from "node:module";
    import { pathToFileURL } from "node:url";
    const specifier = ${JSON.stringify(specifier)};
    const url = specifier.includes(":")
      ? specifier
      : pathToFileURL(createRequire(${JSON.stringify(home)}).resolve(specifier)).href;
    const start = performance.now();
    await import(url);
    process.stdout.write(String(performance.now() - start), () => process.exit());`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  return Number(stdout);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

// What belongs into a test file can be imported only there.
const exported = subpaths().filter(({ name }) => !name.includes("/vitest"));
const all = exported.filter(({ url }) => existsSync(new URL(url)));
for (const { name } of exported) if (!all.some((one) => one.name === name)) console.error(`${name} is not built`);
const peers = new Set(all.flatMap(({ budget }) => (typeof budget?.cost === "string" ? [budget.cost] : [])));
const samples = new Map<string, number[]>([empty, ...peers, ...all.map(({ url }) => url)].map((key) => [key, []]));
// The first round only fills the page cache.
for (let round = 0; round <= rounds; round += 1) {
  for (const [specifier, times] of samples) {
    const ms = await importMs(specifier);
    if (round > 0) times.push(ms);
  }
  console.error(`round ${round} of ${rounds} (load ${loadavg()[0]?.toFixed(1)})`);
}

const bare = median(samples.get(empty) ?? []);
const cost = (specifier: string): number => median(samples.get(specifier) ?? []) - bare;
const least = (specifier: string): number => Math.min(...(samples.get(specifier) ?? [])) - bare;

/** The budget in words, and whether it is met: in time, and in what is loaded. */
function verdict({ url, home: own, budget }: Subpath, loaded: readonly string[]): string {
  if (budget === undefined) return "-";
  const isLean = excess(loaded, own, budget).length === 0;
  const lean = `${budget.packages?.join(", ") || "nothing"} beside its own${isLean ? "" : " MISSED"}`;
  if (budget.cost === undefined) return lean;
  if (typeof budget.cost === "number") {
    return `≤ ${budget.cost} ms: ${cost(url) <= budget.cost ? "met" : "MISSED"}; ${lean}`;
  }
  const peer = cost(budget.cost);
  return `${budget.cost} itself: ${peer.toFixed(1)} ms, ratio ${(cost(url) / peer).toFixed(2)}; ${lean}`;
}

console.log(`\n${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}; bare: ${bare.toFixed(1)} ms\n`);
console.log("| import | median ms | min | modules | budget |\n|---|---|---|---|---|");
for (const peer of peers) console.log(`| ${peer} | ${cost(peer).toFixed(1)} | ${least(peer).toFixed(1)} | | - |`);
for (const subpath of all) {
  const loaded = loadedBy(subpath.url);
  const { name, url } = subpath;
  console.log(
    `| ${name} | ${cost(url).toFixed(1)} | ${least(url).toFixed(1)} | ${loaded.length} | ${verdict(subpath, loaded)} |`,
  );
}
