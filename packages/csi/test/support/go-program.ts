import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** The environment in which Go is found, also where it is installed but not in PATH; undefined if there is none. */
export function goEnvironment(): NodeJS.ProcessEnv | undefined {
  const debian = (existsSync("/usr/lib") ? readdirSync("/usr/lib") : []).filter((name) => /^go-\d/.test(name));
  const places = [process.env["PATH"] ?? "", "/usr/local/go/bin", ...debian.map((name) => `/usr/lib/${name}/bin`)];
  const env = { ...process.env, PATH: places.join(delimiter) };
  try {
    execFileSync("go", ["version"], { env, stdio: "ignore" });
    return env;
  } catch {
    return undefined;
  }
}

/** A program of a folder's Go module, or out of one that its go.mod names with checksums, in the user's cache: built once per content. */
export function goTool(folder: string, pkg: string, env: NodeJS.ProcessEnv): string {
  const hash = createHash("sha256").update(pkg);
  for (const name of readdirSync(folder).toSorted()) hash.update(readFileSync(join(folder, name)));
  const cache = join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "kx", pkg.split("/").at(-1) ?? "");
  const program = join(cache, hash.digest("hex").slice(0, 32));
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const making = `${program}.${process.pid}`;
  execFileSync("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", making, pkg], {
    cwd: folder,
    env,
    stdio: "inherit",
  });
  renameSync(making, program);
  return program;
}
