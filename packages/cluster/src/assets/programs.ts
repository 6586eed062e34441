import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Where administrators' programs are, which the PATH of a user or of a service may lack. */
export const systemDirs = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The path of a program in PATH, then in `moreDirs`; undefined if it is in none. */
export async function findProgram(
  name: string,
  env: NodeJS.ProcessEnv,
  moreDirs: readonly string[] = [],
): Promise<string | undefined> {
  const dirs = [...(env["PATH"] ?? "").split(":").filter((dir) => isAbsolute(dir)), ...moreDirs];
  for (const dir of dirs) {
    const path = join(dir, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/** What a program prints on standard output, trimmed; undefined if it cannot be run or fails. */
export async function output(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  try {
    const { stdout } = await run(program, args, { env, cwd: "/", timeout: 20_000 });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
