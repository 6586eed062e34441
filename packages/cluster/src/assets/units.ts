import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type ChecksumTable, checksumsOf, readChecksumTable } from "./checksums.ts";
import { moduleTexts, sha256Texts } from "./digest.ts";
import type { Manifest } from "./manifest.ts";
import { findProgram, systemDirs } from "./programs.ts";
import type { Recipe } from "./recipes.ts";
import { chooseSource, type Source, type SourceFacts } from "./sources.ts";
import { findUnit, type Store } from "./store.ts";
import { findToolchain } from "./toolchain.ts";

/** What is wanted, and where this package keeps its own part of it. */
export interface Wanted {
  readonly recipes: readonly Recipe[];
  /** Kubernetes version, without `v`. */
  readonly version: string;
  /** `linux-amd64`. */
  readonly platform: string;
  /** Holds `go/` and `assets.lock.json`. */
  readonly packageRoot: string;
  /** Where Go is looked for beside PATH. Default: where it is usually installed. */
  readonly goDirs?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** A recipe, the name of its unit in the store, and the unit or how it will be obtained. */
export type PlannedUnit = { readonly recipe: Recipe; readonly name: string } & (
  | { readonly manifest: Manifest }
  | { readonly manifest?: never; readonly source: Source }
);

/** Decides for each recipe whether the store has it, and else where it will come from. */
export async function planUnits(
  wanted: Wanted,
  store: Store,
  isGood: (name: string, manifest: Manifest) => Promise<boolean>,
): Promise<{ units: PlannedUnit[]; facts: SourceFacts | undefined }> {
  const table = await readChecksumTable(join(wanted.packageRoot, "assets.lock.json"));
  let facts: SourceFacts | undefined;
  const find = async (name: string): Promise<Manifest | undefined> => {
    const manifest = await findUnit(store, name);
    return manifest !== undefined && (await isGood(name, manifest)) ? manifest : undefined;
  };
  const units: PlannedUnit[] = [];
  for (const recipe of wanted.recipes) {
    const name = `${recipe.name}-${await unitKey(recipe, wanted, table)}`;
    const manifest = await find(name);
    if (manifest !== undefined) {
      units.push({ recipe, name, manifest });
      continue;
    }
    facts ??= await gatherFacts(wanted, table);
    const source = chooseSource(recipe, facts);
    if (source.kind !== "system") {
      units.push({ recipe, name, source });
      continue;
    }
    // A name of its own: as soon as it can be built, the better one takes its place.
    const systemName = `${recipe.name}-system-${await systemKey(source.path)}`;
    const taken = await find(systemName);
    units.push({ recipe, name: systemName, ...(taken === undefined ? { source } : { manifest: taken }) });
  }
  return { units, facts };
}

async function gatherFacts(wanted: Wanted, table: ChecksumTable): Promise<SourceFacts> {
  const { version, platform, env, goDirs } = wanted;
  const system: Record<string, string> = {};
  for (const { fallback } of wanted.recipes) {
    if (fallback === undefined) continue;
    const path = await findProgram(fallback.program, env, goDirs === undefined ? systemDirs : []);
    if (path !== undefined) system[fallback.program] = path;
  }
  return { version, platform, table, system, toolchain: await findToolchain(env, goDirs), failed: new Map() };
}

/** Changes when what would be built changes; whether it was built or downloaded makes no difference. */
async function unitKey(
  recipe: Recipe,
  { version, platform, packageRoot }: Wanted,
  table: ChecksumTable,
): Promise<string> {
  if (recipe.kubernetesVersion !== undefined && recipe.kubernetesVersion !== version) {
    const sums = checksumsOf(table, version, platform, recipe.downloads) ?? new Map<string, string>();
    return sha256Texts([version, platform, ...[...sums].flat()]).slice(0, 16);
  }
  const module = await moduleTexts(join(packageRoot, "go", recipe.module));
  return sha256Texts([platform, JSON.stringify(recipe.steps), JSON.stringify(recipe.links ?? {}), ...module]).slice(
    0,
    16,
  );
}

async function systemKey(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return sha256Texts([path, String(size), String(mtimeMs)]).slice(0, 16);
}
