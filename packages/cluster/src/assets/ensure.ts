import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { KxError } from "@kx/core";
import { type Assets, createAssets } from "./assets.ts";
import { withFileLock } from "./file-lock.ts";
import type { Manifest } from "./manifest.ts";
import { type ObtainContext, obtain } from "./obtain.ts";
import { packageDir } from "./package-dir.ts";
import type { OnProgress } from "./progress.ts";
import { providedAssets } from "./provided.ts";
import { type Recipe, recipes } from "./recipes.ts";
import { chooseSource, type Source, type SourceFacts, unavailable } from "./sources.ts";
import { findSet, isUnharmed, makeSet, makeUnit, prepare, type Store, setName, storeAt, sweep } from "./store.ts";
import { type PlannedUnit, planUnits, type Wanted } from "./units.ts";
import { architecture, versions } from "./versions.ts";

/** Options of {@link ensureAssets}. */
export interface AssetOptions {
  /** Without `v`. Default: the version that this package builds. */
  readonly kubernetesVersion?: string;
  /** Names of the programs that are needed. Default: {@link defaultAssetNames}. */
  readonly names?: readonly string[];
  /** Told of each download and build. */
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** KX_ASSETS, XDG_CACHE_HOME, PATH and Go's variables are read from it. Default: process.env. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: `kx/assets` in XDG_CACHE_HOME or `~/.cache`. */
  readonly cacheDir?: string;
  /** A mirror of the release hosts: `<fetchBase>/<host>/<path>`. Default: the hosts themselves. */
  readonly fetchBase?: string;
}

/** The programs of a cluster: all but CoreDNS and the network plug-ins that only benchmarks use. */
export function defaultAssetNames(): string[] {
  const usual = recipes(versions.kubernetes, architecture()).filter((recipe) => recipe.optional !== true);
  return usual.flatMap((recipe) => Object.keys(recipe.provides));
}

/**
 * Makes the programs of a cluster available: from the folder KX_ASSETS, from the cache, by a download with a known
 * checksum, or by building them with Go. The first build of Kubernetes takes minutes; with everything in the cache, some
 * milliseconds. Processes that ask at the same time wait for the one that builds.
 * @throws KX_CLUSTER_PLATFORM, KX_CLUSTER_ASSET_UNKNOWN, KX_CLUSTER_ASSETS_DIR, KX_CLUSTER_ASSETS_UNAVAILABLE,
 * KX_CLUSTER_ASSETS_LOCK, KX_CLUSTER_CACHE, KX_CLUSTER_BUILD_FAILED, KX_CLUSTER_DISK_FULL, KX_CLUSTER_DOWNLOAD_CHECKSUM;
 * the signal's reason.
 */
export async function ensureAssets(options: AssetOptions = {}): Promise<Assets> {
  return ensureAssetsFrom({ packageRoot: packageDir() }, options);
}

/** What {@link ensureAssets} gives when it has nothing to do; undefined if something must be downloaded or built. */
export async function findAssets(options: AssetOptions = {}): Promise<Assets | undefined> {
  const request = readOptions({ packageRoot: packageDir() }, options);
  return request.given === undefined ? cachedAssets(request) : givenAssets(request);
}

/** {@link ensureAssets} with the package's own folder and the usual places of Go given. */
export async function ensureAssetsFrom(place: Place, options: AssetOptions): Promise<Assets> {
  const request = readOptions(place, options);
  if (request.given !== undefined) return givenAssets(request);
  try {
    return (await cachedAssets(request)) ?? (await makeAssets(request, options));
  } catch (error) {
    options.signal?.throwIfAborted();
    throw explain(error, request.cacheDir);
  }
}

type Place = Pick<Wanted, "packageRoot" | "goDirs">;

interface Request {
  readonly wanted: Wanted;
  /** Name to path relative to a set's folder. */
  readonly programs: Readonly<Record<string, string>>;
  /** The folder named by KX_ASSETS. */
  readonly given: string | undefined;
  /** The version that was asked for, if one was. */
  readonly requested: string | undefined;
  readonly cacheDir: string;
  readonly store: Store;
}

function readOptions(place: Place, options: AssetOptions): Request {
  const { kubernetesVersion, names, env = process.env } = options;
  const arch = architecture();
  const platform = `linux-${arch}`;
  const requested = kubernetesVersion?.replace(/^v/, "");
  const version = requested ?? versions.kubernetes;
  const chosen = chooseRecipes(recipes(version, arch), names);
  const cacheDir = options.cacheDir ?? defaultCacheDir(env);
  return {
    wanted: { ...place, recipes: chosen, version, platform, env },
    programs: Object.fromEntries(chosen.flatMap((recipe) => Object.entries(recipe.provides))),
    given: env["KX_ASSETS"] === "" ? undefined : env["KX_ASSETS"],
    requested,
    cacheDir,
    store: storeAt(join(cacheDir, `${version}-${platform}`)),
  };
}

function givenAssets({ given = "", programs, requested, wanted }: Request): Promise<Assets> {
  return providedAssets(given, programs, requested, wanted.version);
}

async function cachedAssets({ wanted, programs, store }: Request): Promise<Assets | undefined> {
  const { units } = await planUnits(wanted, store, async () => true);
  if (units.some((unit) => unit.manifest === undefined)) return undefined;
  const set = await findSet(store, setName(units.map((unit) => unit.name)));
  return set && createAssets({ version: wanted.version, programs, ...set });
}

function defaultCacheDir(env: NodeJS.ProcessEnv): string {
  const xdg = env["XDG_CACHE_HOME"];
  const base = xdg !== undefined && xdg.startsWith("/") ? xdg : join(env["HOME"] ?? homedir(), ".cache");
  return join(base, "kx", "assets");
}

function chooseRecipes(all: readonly Recipe[], names: readonly string[] | undefined): readonly Recipe[] {
  if (names === undefined) return all.filter((recipe) => recipe.optional !== true);
  const known = all.flatMap((recipe) => Object.keys(recipe.provides));
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new KxError("KX_CLUSTER_ASSET_UNKNOWN", `no program ${unknown.join(", ")}; there are ${known.join(", ")}`);
  }
  return all.filter((recipe) => names.some((name) => Object.hasOwn(recipe.provides, name)));
}

async function makeAssets(request: Request, options: AssetOptions): Promise<Assets> {
  const { wanted, programs, store } = request;
  const { signal, onProgress } = options;
  await prepare(store);
  const step = "waiting for another kx that is making the same programs";
  const onWait = (holder: string) => onProgress?.({ step, state: "started", elapsedMs: 0, note: holder.trim() });
  const lockOptions = { env: wanted.env, onWait, ...(signal && { signal }) };
  return withFileLock(
    store.lock,
    async () => {
      const done = await cachedAssets(request);
      if (done !== undefined) return done;
      await sweep(store);
      const { units, facts } = await planUnits(wanted, store, (name, manifest) => isUnharmed(store, name, manifest));
      const made = await makeUnits(units, facts, wanted, store, options);
      const set = await makeSet(store, setName([...made.keys()]), wanted.version, made);
      return createAssets({ version: wanted.version, programs, ...set });
    },
    lockOptions,
  );
}

async function makeUnits(
  units: readonly PlannedUnit[],
  facts: SourceFacts | undefined,
  wanted: Wanted,
  store: Store,
  options: AssetOptions,
): Promise<Map<string, Manifest>> {
  const { fetchBase, signal, onProgress } = options;
  const choices = units.flatMap((unit): [Recipe, Source][] => (unit.manifest ? [] : [[unit.recipe, unit.source]]));
  // Before anything long is begun.
  if (choices.some(([, source]) => source.kind === "none")) throw unavailable(choices, wanted.version);
  const made = new Map<string, Manifest>();
  for (const unit of units) {
    if (unit.manifest !== undefined || facts === undefined) {
      if (unit.manifest !== undefined) made.set(unit.name, unit.manifest);
      continue;
    }
    const tmp = join(store.tmp, `go-${randomUUID()}`);
    await mkdir(tmp);
    const context: ObtainContext = {
      toolchain: facts.toolchain,
      goDir: join(wanted.packageRoot, "go"),
      downloads: store.downloads,
      logs: store.logs,
      tmp,
      env: wanted.env,
      ...(fetchBase === undefined ? {} : { fetchBase }),
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    };
    const { recipe } = unit;
    const fill = (dir: string) => obtainOrBuild(recipe, unit.source, facts, dir, context);
    try {
      made.set(
        unit.name,
        await makeUnit(store, unit.name, { version: wanted.version, links: recipe.links ?? {}, fill }),
      );
    } finally {
      await rm(tmp, { recursive: true, force: true, maxRetries: 3 });
    }
  }
  return made;
}

/** A host that cannot be reached is no reason to give up where the program can be built; a wrong checksum is. */
async function obtainOrBuild(
  recipe: Recipe,
  source: Source,
  facts: SourceFacts,
  dir: string,
  context: ObtainContext,
): ReturnType<typeof obtain> {
  if (source.kind === "none") throw unavailable([[recipe, source]], facts.version);
  try {
    return await obtain(recipe, source, dir, context);
  } catch (error) {
    if (!KxError.is(error) || error.code !== "KX_CLUSTER_DOWNLOAD_FAILED") throw error;
    const next = chooseSource(recipe, { ...facts, failed: new Map([[recipe.name, error.reason]]) });
    await rm(dir, { recursive: true, force: true });
    await mkdir(dir, { mode: 0o755 });
    return obtainOrBuild(recipe, next, facts, dir, context);
  }
}

/** Gives the system's errors that users meet a name and a way out. */
function explain(error: unknown, root: string): unknown {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = "code" in at ? at.code : undefined;
    if (code === "ENOSPC" || code === "EDQUOT") {
      return new KxError("KX_CLUSTER_DISK_FULL", `the disk became full while writing to ${root}`, {
        cause: error,
        remedy: "free some space (about 10 GB for a first build), or point XDG_CACHE_HOME to another disk",
      });
    }
    if (code === "EACCES" || code === "EROFS" || code === "EPERM") {
      return new KxError("KX_CLUSTER_CACHE", `cannot write to ${root}: ${at.message}`, {
        cause: error,
        remedy: "set XDG_CACHE_HOME to a folder of your own",
      });
    }
  }
  return error;
}
