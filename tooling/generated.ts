// Writes the code that is generated and committed; with --check, only tells whether it is what its generator writes.
//
// What is made from files of this repository by tools that npm installs is written anew by each check and compared. Other
// generators read files of a Go module, which a clean machine has not. So tooling/generated.lock.json records what the
// code was made from (module, generator) and its own digest: an edited file, a changed generator or a new version of the
// module show without the module. Where the Go module cache holds it, the code is also written anew and compared.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./workspaces.ts";

interface Generator {
  /** Folder of the generated files, from the root. */
  readonly target: string;
  /** Run as `node <script> <folder in the module> <folder to write to>`. */
  readonly script: string;
  /** The script and what it imports: a change of them calls for writing anew. */
  readonly scripts: readonly string[];
  readonly module: string;
  /** The go.mod that names the module's version. */
  readonly goMod: string;
  readonly folder: string;
}

interface Provenance {
  readonly module: string;
  readonly scripts: string;
  readonly files: string;
}

const generators: readonly Generator[] = [
  {
    target: "packages/controllers/src/api/gen",
    script: "packages/controllers/scripts/generate-api.ts",
    scripts: ["packages/controllers/scripts/generate-api.ts", "packages/controllers/scripts/render-api.ts"],
    module: "k8s.io/kubernetes",
    goMod: "packages/cluster/go/kube/go.mod",
    folder: "api/openapi-spec/v3",
  },
];

/** Run as `node <script> <folder to write to>`; of the folder, only what lies in folders named gen is its work. */
interface LocalGenerator {
  readonly target: string;
  readonly script: string;
}

const localGenerators: readonly LocalGenerator[] = [
  { target: "packages/core/src/contracts", script: "packages/core/scripts/generate-contracts.ts" },
];

const lockPath = join(root, "tooling/generated.lock.json");

function digest(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder)
    .toSorted()
    .map((name) => join(folder, name));
}

/** The module with its version, as Go's cache names its folder. */
function moduleOf({ module, goMod }: Generator): string {
  const line = readFileSync(join(root, goMod), "utf8").match(new RegExp(`^\\s*(?:require )?${module} (v\\S+)`, "m"));
  if (line?.[1] === undefined) throw new Error(`${goMod} does not require ${module}`);
  return `${module}@${line[1]}`;
}

/** The module's folder in the Go module cache, whether it is there or not. */
function cachedModule(generator: Generator): string {
  const goPath = process.env["GOPATH"]?.split(":")[0] ?? join(homedir(), "go");
  return join(process.env["GOMODCACHE"] ?? join(goPath, "pkg/mod"), moduleOf(generator));
}

function record(generator: Generator): Provenance {
  return {
    module: moduleOf(generator),
    scripts: digest(generator.scripts.map((path) => join(root, path))),
    files: digest(filesOf(join(root, generator.target))),
  };
}

function write(generator: Generator, target: string): void {
  const source = join(cachedModule(generator), generator.folder);
  execFileSync(process.execPath, [join(root, generator.script), source, target], { stdio: "pipe" });
}

function update(generator: Generator): void {
  if (!existsSync(cachedModule(generator))) {
    execFileSync("go", ["mod", "download", moduleOf(generator)], { cwd: tmpdir(), stdio: "inherit" });
  }
  write(generator, join(root, generator.target));
  console.log(`${generator.target}: written from ${moduleOf(generator)}`);
}

/** What is wrong with the committed code of a generator. */
function faults(generator: Generator, recorded: Provenance | undefined): readonly string[] {
  const now = record(generator);
  if (recorded === undefined) return [`${generator.target}: not recorded`];
  const found = [
    ...(now.files === recorded.files ? [] : [`${generator.target}: changed by hand`]),
    ...(now.scripts === recorded.scripts ? [] : [`${generator.target}: ${generator.script} changed since it wrote it`]),
    ...(now.module === recorded.module
      ? []
      : [`${generator.target}: written from ${recorded.module}, not ${now.module}`]),
  ];
  if (!existsSync(cachedModule(generator))) {
    console.log(`${generator.target}: compared with its record; ${now.module} is not in the Go module cache`);
    return found;
  }
  const target = mkdtempSync(join(tmpdir(), "kx-generated-"));
  try {
    write(generator, target);
    const [fresh, committed] = [filesOf(target), filesOf(join(root, generator.target))];
    console.log(`${generator.target}: ${fresh.length} files written anew from ${now.module} and compared`);
    return digest(fresh) === digest(committed) && fresh.length === committed.length
      ? found
      : [...found, `${generator.target}: not what ${generator.script} writes from ${now.module}`];
  } finally {
    rmSync(target, { recursive: true });
  }
}

function writeLocal({ script }: LocalGenerator, target: string): void {
  execFileSync(process.execPath, [join(root, script), target], { stdio: "inherit" });
}

function generatedIn(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /(^|\/)gen\/.+\./.test(name),
  );
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

/** What differs between the committed code of a generator and what it writes now. */
function localFaults(generator: LocalGenerator): readonly string[] {
  const target = mkdtempSync(join(tmpdir(), "kx-generated-"));
  try {
    writeLocal(generator, target);
    const [fresh, committed] = [generatedIn(target), generatedIn(join(root, generator.target))];
    console.log(`${generator.target}: ${fresh.size} files written anew and compared`);
    return [...new Set([...fresh.keys(), ...committed.keys()])]
      .filter((name) => fresh.get(name) !== committed.get(name))
      .map((name) => `${generator.target}/${name}: not what ${generator.script} writes`);
  } finally {
    rmSync(target, { recursive: true });
  }
}

if (process.argv.includes("--check")) {
  const recorded = JSON.parse(readFileSync(lockPath, "utf8")) as { readonly [target: string]: Provenance };
  const found = [
    ...generators.flatMap((generator) => faults(generator, recorded[generator.target])),
    ...localGenerators.flatMap(localFaults),
  ];
  for (const fault of found) console.error(fault);
  process.exitCode = found.length === 0 ? 0 : 1;
} else {
  for (const generator of localGenerators) {
    writeLocal(generator, join(root, generator.target));
    console.log(`${generator.target}: written`);
  }
  for (const generator of generators) update(generator);
  const records = Object.fromEntries(generators.map((generator) => [generator.target, record(generator)]));
  writeFileSync(lockPath, `${JSON.stringify(records, undefined, 2)}\n`);
}
