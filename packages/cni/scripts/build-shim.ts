// Builds the shim, into dist/shim unless another file is named, with the system's C compiler. Without one, dist has none: the installer then puts the Node
// program under the plug-ins' names, and says so.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { cniVersions } from "@kx/core/contracts/cni";

const sources = ["kx-cni-shim.c", "libc.c"].map((name) => join(import.meta.dirname, "../shim", name));
const target = process.argv[2] ?? join(import.meta.dirname, "../dist/shim/kx-cni-shim");
const versions = cniVersions.map((version) => `\\"${version}\\"`).join(",");
// Without the system's C library, which hosts may not have, and which is slow to start.
const alone = ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-U_FORTIFY_SOURCE"];
const flags = ["-std=c11", "-Os", ...alone, "-s", "-Wall", "-Wextra", `-DKX_CNI_VERSIONS="${versions}"`];

const found = ["cc", "gcc", "clang"].find(isCompiler);
if (process.platform !== "linux" || found === undefined) skip("there is no C compiler (cc, gcc or clang)");
else build(found);

function build(compiler: string): void {
  const cached = join(
    cacheFolder(),
    digest(...sources.map((file) => readFileSync(file)), compiler, versionOf(compiler), ...flags),
  );
  try {
    place(cached, target);
    return;
  } catch {
    // Not built before.
  }
  mkdirSync(cacheFolder(), { recursive: true });
  const making = `${cached}.${process.pid}`;
  try {
    execFileSync(compiler, [...flags, "-o", making, ...sources], { stdio: ["ignore", "inherit", "pipe"] });
  } catch (error) {
    skip(`${compiler} cannot build a static program: ${String((error as { stderr?: Buffer }).stderr).trim()}`);
    return;
  }
  renameSync(making, cached);
  place(cached, target);
}

function place(from: string, to: string): void {
  mkdirSync(join(to, ".."), { recursive: true });
  copyFileSync(from, `${to}.new`);
  chmodSync(`${to}.new`, 0o755);
  renameSync(`${to}.new`, to);
}

function skip(why: string): void {
  console.warn(`kx-cni-shim is left out: ${why}; CNI plug-ins will be installed as Node programs, some 60 ms slower`);
}

function isCompiler(name: string): boolean {
  try {
    versionOf(name);
    return true;
  } catch {
    return false;
  }
}

function versionOf(name: string): string {
  return execFileSync(name, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

function cacheFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "kx/cni-shim");
}

function digest(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex").slice(0, 32);
}
