import { copyFile, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buildRecipe } from "./build.ts";
import { download } from "./download.ts";
import { extract } from "./extract.ts";
import type { Origin } from "./manifest.ts";
import { type OnProgress, track } from "./progress.ts";
import type { Recipe } from "./recipes.ts";
import type { Source } from "./sources.ts";
import type { Toolchain } from "./toolchain.ts";

/** Where programs are obtained to, and with what. */
export interface ObtainContext {
  readonly toolchain: Toolchain;
  /** The folder of the Go modules. */
  readonly goDir: string;
  /** Keeps unfinished downloads for the next try. */
  readonly downloads: string;
  readonly logs: string;
  readonly tmp: string;
  readonly env: NodeJS.ProcessEnv;
  /** Stands in for the scheme and slashes of every download: a mirror holds `<fetchBase>/<host>/<path>`. */
  readonly fetchBase?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/** Fills `out` with a recipe's programs and says where they came from. */
export async function obtain(
  recipe: Recipe,
  source: Exclude<Source, { kind: "none" }>,
  out: string,
  context: ObtainContext,
): Promise<{ origin: Origin; from: string }> {
  const { env, signal, onProgress } = context;
  if (source.kind === "download") {
    await fetchRelease(recipe, source.checksums, out, context);
    return { origin: "download", from: recipe.downloads.map(({ url }) => url).join(" ") };
  }
  if (source.kind === "build") {
    const { toolchain, goDir, tmp, logs } = context;
    if (toolchain.go === undefined) throw new Error(`a build of ${recipe.name} was chosen without Go`);
    const log = join(logs, `build-${recipe.name}.log`);
    const optional = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
    await buildRecipe(recipe, { go: toolchain.go, toolchain, goDir, out, tmp, log, env, ...optional });
    return { origin: "build", from: `go${toolchain.go.version}` };
  }
  const output = join(out, recipe.fallback?.output ?? recipe.name);
  await mkdir(dirname(output), { recursive: true });
  const note = "pods with user namespaces of their own (hostUsers: false) will not run with it";
  await track(onProgress, `taking ${recipe.name} from ${source.path}`, () => copyFile(source.path, output), note);
  return { origin: "system", from: source.path };
}

async function fetchRelease(
  recipe: Recipe,
  checksums: ReadonlyMap<string, string>,
  out: string,
  { downloads, fetchBase, signal, onProgress }: ObtainContext,
): Promise<void> {
  for (const file of recipe.downloads) {
    const sha256 = checksums.get(file.url) ?? "";
    const name = file.url.slice(file.url.lastIndexOf("/") + 1);
    // The name holds the sum: what an earlier try left there belongs to the same file.
    const to = join(downloads, `${sha256}-${name}`);
    const url = fetchBase === undefined ? file.url : file.url.replace(/^https:\/\//, `${fetchBase}/`);
    const stop = signal === undefined ? {} : { signal };
    await track(onProgress, `downloading ${name}`, () => download(url, { to, sha256, ...stop }));
    if (file.members !== undefined) await extract(to, out, file.members, signal);
    if (file.output !== undefined) {
      await mkdir(dirname(join(out, file.output)), { recursive: true });
      await copyFile(to, join(out, file.output));
    }
    await rm(to, { force: true });
  }
}
