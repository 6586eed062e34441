import { KxError } from "@kx/core";
import { type ChecksumTable, checksumsOf } from "./checksums.ts";
import type { Recipe } from "./recipes.ts";
import type { Toolchain } from "./toolchain.ts";
import { minimumGo } from "./toolchain.ts";

/** How a recipe's programs will be obtained. */
export type Source =
  | { readonly kind: "download"; readonly checksums: ReadonlyMap<string, string> }
  | { readonly kind: "build" }
  | { readonly kind: "system"; readonly path: string }
  | { readonly kind: "none"; readonly reasons: readonly string[] };

/** What the choice depends on. */
export interface SourceFacts {
  readonly version: string;
  readonly platform: string;
  readonly table: ChecksumTable;
  readonly toolchain: Toolchain;
  /** Paths of the system's own programs, by name, that may serve as a fallback. */
  readonly system: Readonly<Record<string, string>>;
  /** Recipes whose download failed, with the reason. */
  readonly failed: ReadonlyMap<string, string>;
}

/** Chooses for one recipe: a download with known checksums, else a build, else a program of the system. Pure. */
export function chooseSource(recipe: Recipe, facts: SourceFacts): Source {
  const reasons: string[] = [];
  const checksums = checksumsOf(facts.table, facts.version, facts.platform, recipe.downloads);
  const failure = facts.failed.get(recipe.name);
  if (checksums !== undefined && failure === undefined) return { kind: "download", checksums };
  if (failure !== undefined) reasons.push(failure);
  else if (recipe.downloads.length > 0) reasons.push("no checksums in assets.lock.json");
  const obstacle = buildObstacle(recipe, facts);
  if (obstacle === undefined) return { kind: "build" };
  reasons.push(obstacle);
  const path = recipe.fallback === undefined ? undefined : facts.system[recipe.fallback.program];
  if (path !== undefined) return { kind: "system", path };
  return { kind: "none", reasons };
}

function buildObstacle(recipe: Recipe, { version, toolchain }: SourceFacts): string | undefined {
  if (recipe.kubernetesVersion !== undefined && recipe.kubernetesVersion !== version) {
    return `only Kubernetes ${recipe.kubernetesVersion} can be built`;
  }
  if (toolchain.go === undefined) {
    return toolchain.oldGo === undefined ? `no Go ${minimumGo} or newer` : `Go ${toolchain.oldGo} is too old`;
  }
  if (recipe.steps.some((step) => step.cgo === true) && toolchain.cgoMissing.length > 0) {
    return `missing for the build: ${toolchain.cgoMissing.join(", ")}`;
  }
  return undefined;
}

/** The error that names every program that cannot be had, why, and what can be done. Pure. */
export function unavailable(choices: readonly (readonly [Recipe, Source])[], version: string): KxError {
  const lines = choices.flatMap(([recipe, source]) =>
    source.kind === "none" ? [`${Object.keys(recipe.provides).join(", ")}: ${source.reasons.join("; ")}`] : [],
  );
  return new KxError("KX_CLUSTER_ASSETS_UNAVAILABLE", `Kubernetes ${version}: ${lines.join(" | ")}`, {
    remedy:
      `install Go ${minimumGo} or newer (and gcc, pkg-config and libseccomp-dev for runc), so that they are built, ` +
      "or set KX_ASSETS to a folder that holds them",
  });
}
