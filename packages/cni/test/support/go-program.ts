import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
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

/** The program made of a folder of Go, in the user's cache under `name`: built once per content. */
export function goProgram(name: string, sources: string, env: NodeJS.ProcessEnv): string {
  const cache = join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "kx", name);
  const program = join(cache, digestOf(sources));
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const making = `${program}.${process.pid}`;
  execFileSync("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", making, "."], {
    cwd: sources,
    env,
    stdio: "inherit",
  });
  renameSync(making, program);
  return program;
}

function digestOf(folder: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()) {
    const path = join(folder, name);
    if (statSync(path).isFile()) hash.update(name).update("\0").update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex").slice(0, 32);
}
