import { readdir } from "node:fs/promises";
import { findProgram, output, systemDirs } from "./programs.ts";

/** A Go toolchain that can build the modules. */
export interface GoToolchain {
  readonly path: string;
  /** `1.26.8`. */
  readonly version: string;
}

/** What this machine can build with. */
export interface Toolchain {
  /** Absent if there is no Go of at least `minimumGo`. */
  readonly go?: GoToolchain;
  /** A Go that is too old. */
  readonly oldGo?: string;
  /** What cgo with libseccomp lacks: names of programs and libraries. Empty if it can be used. */
  readonly cgoMissing: readonly string[];
  /** Whether libseccomp can be linked statically. */
  readonly staticSeccomp: boolean;
}

/** From this version on, Go fetches the toolchain that a go.mod names by itself. */
export const minimumGo = "1.21";

/** Looks for Go, also where it is installed but not in PATH (as under sudo), and for what cgo needs. */
export async function findToolchain(env: NodeJS.ProcessEnv, goDirs: readonly string[] | undefined): Promise<Toolchain> {
  const [{ go, oldGo }, gcc, pkgConfig] = await Promise.all([
    findGo(env, goDirs),
    findProgram(env["CC"] ?? "gcc", env),
    findProgram("pkg-config", env),
  ]);
  const cgoMissing = [gcc === undefined ? "gcc" : "", pkgConfig === undefined ? "pkg-config" : ""].filter(Boolean);
  let staticSeccomp = false;
  if (pkgConfig !== undefined) {
    const libDir = await output(pkgConfig, ["--variable=libdir", "libseccomp"], env);
    if (libDir === undefined || libDir === "") cgoMissing.push("libseccomp-dev");
    else staticSeccomp = (await readdir(libDir).catch((): string[] => [])).includes("libseccomp.a");
  }
  return {
    ...(go === undefined ? {} : { go }),
    ...(oldGo === undefined ? {} : { oldGo }),
    cgoMissing,
    staticSeccomp,
  };
}

/** Where Go's own archive and Debian's versioned packages put it, newest first. */
async function defaultGoDirs(): Promise<string[]> {
  const debian = (await readdir("/usr/lib").catch((): string[] => [])).filter((name) => /^go-\d/.test(name));
  const newestFirst = debian.toSorted((a, b) => compareVersions(b.slice(3), a.slice(3)));
  return ["/usr/local/go/bin", ...newestFirst.map((name) => `/usr/lib/${name}/bin`), ...systemDirs];
}

async function findGo(
  env: NodeJS.ProcessEnv,
  goDirs: readonly string[] | undefined,
): Promise<{ go?: GoToolchain; oldGo?: string }> {
  let oldGo: string | undefined;
  for (const dir of [undefined, ...(goDirs ?? (await defaultGoDirs()))]) {
    const path = dir === undefined ? await findProgram("go", env) : await findProgram("go", { PATH: dir });
    if (path === undefined) continue;
    // `local`: the version that is installed, not the one some go.mod would fetch.
    const version = parseGoVersion(await output(path, ["version"], { ...env, GOTOOLCHAIN: "local" }));
    if (version === undefined) continue;
    if (compareVersions(version, minimumGo) >= 0) return { go: { path, version } };
    oldGo ??= version;
  }
  return oldGo === undefined ? {} : { oldGo };
}

/** The version in what `go version` prints. Pure. */
function parseGoVersion(text: string | undefined): string | undefined {
  return /\bgo(\d+\.\d+(?:\.\d+)?)/.exec(text ?? "")?.[1];
}

/** Orders dotted numbers: negative if `a` is older. Pure. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
