import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { KxError } from "@kx/core";
import { findProgram, systemDirs } from "./assets/programs.ts";
import { type OnProgress, track } from "./assets/progress.ts";
import type { Prerequisite } from "./prerequisites.ts";

/** Options of {@link installMissing}. */
export interface InstallOptions {
  /** Told which packages there will be, before anything is installed. */
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Default: process.env. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What installing depends on. */
export interface InstallFacts {
  readonly uid: number;
  /** Whether this is Debian, Ubuntu or one of their kin, with apt-get. */
  readonly debian: boolean;
}

/** What is to be done about missing packages. */
export type InstallPlan =
  | { readonly kind: "nothing" }
  | {
      readonly kind: "install";
      readonly packages: readonly string[];
      readonly commands: readonly (readonly string[])[];
    }
  | { readonly kind: "tell"; readonly packages: readonly string[]; readonly text: string };

/** Decides what is installed, or what the user is told to do. Pure. */
export function planInstall(prerequisites: readonly Prerequisite[], { uid, debian }: InstallFacts): InstallPlan {
  const missing = prerequisites.filter(({ ok }) => !ok);
  const packages = [...new Set(missing.flatMap(({ fix }) => fix?.packages ?? []))].toSorted();
  if (packages.length === 0) return { kind: "nothing" };
  const commands = [
    ["apt-get", "update"],
    ["apt-get", "install", "-y", "--no-install-recommends", ...packages],
  ];
  if (debian && uid === 0) return { kind: "install", packages, commands };
  const text = debian
    ? commands.map((command) => `sudo ${command.join(" ")}`).join(" && ")
    : `install what this system calls ${packages.join(", ")}`;
  return { kind: "tell", packages, text };
}

/**
 * Installs the packages that mend what is missing, on Debian and Ubuntu as root. What no package mends is left alone:
 * ask for the prerequisites again afterwards.
 * @returns the packages that were installed.
 * @throws KX_CLUSTER_PREREQUISITE with the exact command to run where kx cannot; KX_CLUSTER_INSTALL_FAILED.
 */
export async function installMissing(
  prerequisites: readonly Prerequisite[],
  { onProgress, signal, env = process.env }: InstallOptions = {},
): Promise<readonly string[]> {
  const plan = planInstall(prerequisites, { uid: process.getuid?.() ?? -1, debian: await isDebian(env) });
  if (plan.kind === "nothing") return [];
  if (plan.kind === "tell") {
    throw new KxError("KX_CLUSTER_PREREQUISITE", `missing on this machine: ${plan.packages.join(", ")}`, {
      remedy: plan.text,
      details: { packages: plan.packages },
    });
  }
  const work = async () => {
    for (const command of plan.commands) await runApt(command, env, signal);
  };
  await track(
    onProgress,
    `installing ${plan.packages.join(", ")}`,
    work,
    plan.commands.map((c) => c.join(" ")).join("; "),
  );
  return plan.packages;
}

async function isDebian(env: NodeJS.ProcessEnv): Promise<boolean> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return (
    /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(text) && (await findProgram("apt-get", env, systemDirs)) !== undefined
  );
}

async function runApt(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [program = "", ...args] = command;
  signal?.throwIfAborted();
  const path = (await findProgram(program, env, systemDirs)) ?? program;
  const child = spawn(path, ["-o", "DPkg::Lock::Timeout=120", ...args], {
    env: { ...env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  // Not killed on an abort: a package manager that is interrupted leaves the system half-installed.
  await once(child, "close");
  signal?.throwIfAborted();
  if (child.exitCode !== 0) {
    const tail = printed.trimEnd().split("\n").slice(-10).join("\n");
    throw new KxError("KX_CLUSTER_INSTALL_FAILED", `${command.join(" ")} failed:\n${tail}\n`, {
      remedy: `run it yourself: ${command.join(" ")}`,
    });
  }
}
