import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const folder = join(import.meta.dirname, "go");

/** Builds a program of bench/go once for its content, into the user's cache, and returns its path. */
export async function buildGo(program: "informer" | "foo"): Promise<string> {
  const hash = createHash("sha256");
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
  for (const path of paths.toSorted()) hash.update(path.slice(folder.length)).update(await readFile(path));
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "kx", "bench");
  const built = join(cache, `${program}-${hash.digest("hex").slice(0, 16)}`);
  const exists = await access(built).then(
    () => true,
    () => false,
  );
  if (exists) return built;
  await mkdir(cache, { recursive: true });
  console.error(`building the Go twin ${program} (minutes, once)`);
  const temporary = `${built}.${process.pid}`;
  try {
    const args = ["build", "-trimpath", "-ldflags", "-s -w", "-o", temporary, `./${program}`];
    await promisify(execFile)("go", args, { cwd: folder });
    await rename(temporary, built);
  } finally {
    await rm(temporary, { force: true });
  }
  return built;
}
