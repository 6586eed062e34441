import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { constants, homedir, setPriority } from "node:os";
import { dirname, join } from "node:path";
import { KxError } from "@kx/core";
import { type OnProgress, track } from "./progress.ts";
import type { BuildStep, Recipe } from "./recipes.ts";
import { compareVersions, type GoToolchain, type Toolchain } from "./toolchain.ts";

/** Where and with what a recipe is built. */
export interface BuildContext {
  readonly go: GoToolchain;
  readonly toolchain: Toolchain;
  /** The folder that holds the Go modules. */
  readonly goDir: string;
  /** The programs go here, as the recipe's outputs say. */
  readonly out: string;
  /** Go's work files; removed with everything in it by the caller. */
  readonly tmp: string;
  /** Receives all that the toolchain prints. */
  readonly log: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/** The arguments of `go` for a step. Pure. */
export function buildArguments(step: BuildStep, staticSeccomp: boolean, target: string | undefined): string[] {
  const isStatic = step.cgo === true && staticSeccomp;
  // The pure Go resolver and user lookup: the C library's cannot be linked statically.
  const tags = [step.tags, isStatic ? "netgo osusergo" : undefined].filter((tag) => tag !== undefined).join(" ");
  const flags = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", ...(tags === "" ? [] : ["-tags", tags])];
  if (target === undefined) return flags;
  return [...flags, "-ldflags", step.ldflags + (isStatic ? " -extldflags -static" : ""), "-o", target];
}

/**
 * Builds a recipe's programs one after another, at low priority.
 * @throws KX_CLUSTER_BUILD_FAILED, KX_CLUSTER_DISK_FULL; the signal's reason.
 */
export async function buildRecipe(recipe: Recipe, context: BuildContext): Promise<void> {
  const { toolchain, out, log, signal, onProgress } = context;
  await mkdir(dirname(log), { recursive: true });
  await rm(log, { force: true });
  for (const step of recipe.steps) {
    const program = step.output.slice(step.output.lastIndexOf("/") + 1);
    for (const [i, [name, part]] of Object.entries(step.parts ?? {}).entries()) {
      const args = [...buildArguments(step, toolchain.staticSeccomp, undefined), part];
      const note = i === 0 ? "a first build of Kubernetes takes about 10 minutes on 2 cores" : undefined;
      await track(onProgress, `building ${name}`, () => runGo(name, step, args, context), note);
    }
    await mkdir(dirname(join(out, step.output)), { recursive: true });
    const args = [...buildArguments(step, toolchain.staticSeccomp, join(out, step.output)), step.package];
    const verb = step.parts === undefined ? "building" : "linking";
    await track(onProgress, `${verb} ${program}`, () => runGo(program, step, args, context));
    signal?.throwIfAborted();
  }
  await rm(log, { force: true });

  async function runGo(name: string, step: BuildStep, args: readonly string[], at: BuildContext): Promise<void> {
    const cwd = join(at.goDir, recipe.module);
    const env = await goEnvironment(step, cwd, at);
    const code = await runLogged(at.go.path, args, { cwd, env, log: at.log, ...(signal && { signal }) });
    signal?.throwIfAborted();
    if (code !== 0) throw buildError(name, await readFile(at.log, "utf8"), at);
  }
}

async function goEnvironment(step: BuildStep, moduleDir: string, context: BuildContext): Promise<NodeJS.ProcessEnv> {
  const { env, go, tmp } = context;
  const wanted = /^go (\S+)/m.exec(await readFile(join(moduleDir, "go.mod"), "utf8"))?.[1] ?? "0";
  return {
    ...env,
    HOME: env["HOME"] ?? homedir(),
    GOOS: "linux",
    GOTMPDIR: tmp,
    // The modules stand alone, also inside somebody's Go workspace.
    GOWORK: "off",
    CGO_ENABLED: step.cgo === true ? "1" : "0",
    // Some distributions set `local` as Go's default; what the user himself set is kept.
    ...(env["GOTOOLCHAIN"] === undefined && compareVersions(go.version, wanted) < 0 ? { GOTOOLCHAIN: "auto" } : {}),
  };
}

interface LoggedRun {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: string;
  readonly signal?: AbortSignal;
}

/** Runs a program at low priority, its output appended to a log; it and its children end when this process does. */
async function runLogged(program: string, args: readonly string[], options: LoggedRun): Promise<number> {
  const { cwd, env, log, signal } = options;
  signal?.throwIfAborted();
  const sink = createWriteStream(log, { flags: "a" });
  await once(sink, "open");
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", sink, sink] });
  const ended = once(child, "close");
  const guard = child.pid === undefined ? undefined : guardGroup(child.pid);
  const abort = () => killGroup(child.pid);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    if (child.pid !== undefined) {
      try {
        setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
      } catch {
        // It has ended already, or the system does not let us: only politeness is lost.
      }
    }
    await ended;
    return child.exitCode ?? 1;
  } finally {
    signal?.removeEventListener("abort", abort);
    guard?.kill("SIGKILL");
    sink.close();
  }
}

function killGroup(group: number | undefined): void {
  try {
    if (group !== undefined) process.kill(-group, "SIGKILL");
  } catch {
    // All of it has ended already.
  }
}

/**
 * Kills a process group when this process ends, however it does. A parent-death signal would reach go alone: it ends at
 * once, and the linker it started would go on for many seconds.
 */
function guardGroup(group: number): ChildProcess {
  const text = `process.stdin.on("end", () => process.kill(-${group}, "SIGKILL")).resume()`;
  const stdio: StdioOptions = ["pipe", "ignore", "ignore"];
  const guard = spawn(process.execPath, ["-e", text], { env: {}, detached: true, stdio });
  guard.on("error", () => undefined);
  return guard;
}

function buildError(name: string, log: string, { log: path, go, env }: BuildContext): KxError {
  const tail = log.trimEnd().split("\n").slice(-20).join("\n");
  const details = { log: path, go: go.version };
  if (/no space left on device|disk quota exceeded/i.test(log)) {
    return new KxError("KX_CLUSTER_DISK_FULL", `the disk became full while building ${name}; log: ${path}`, {
      remedy: "free about 10 GB, or point GOCACHE, GOMODCACHE and XDG_CACHE_HOME to another disk",
      details,
    });
  }
  const remedy = /GOTOOLCHAIN=local/.test(log)
    ? `unset GOTOOLCHAIN (${env["GOTOOLCHAIN"] ?? "local"}), so that Go ${go.version} may fetch the version it needs`
    : /dial tcp|no such host|proxyconnect|i\/o timeout|410 Gone|403 Forbidden/.test(log)
      ? "the Go module proxy was not reachable: check the network and GOPROXY"
      : "read the log";
  return new KxError("KX_CLUSTER_BUILD_FAILED", `building ${name} failed; log: ${path}\n${tail}\n`, {
    remedy,
    details,
  });
}
