import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The state folder that a command works on: `--dir`, else `KX_DIR`, else `~/.kx/default`; absolute. */
export function clusterDir(option: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  if (option !== undefined && option !== "") return resolve(option);
  if (env["KX_DIR"] !== undefined && env["KX_DIR"] !== "") return resolve(env["KX_DIR"]);
  return join(env["HOME"] ?? homedir(), ".kx", "default");
}

/** How the user types a command for this folder: the default folder needs no flag, and under npm `kx` is not in PATH. */
export function commandFor(command: string, dir: string, env: Readonly<Record<string, string | undefined>>): string {
  const kx = env["npm_command"] === undefined ? "kx" : "npx kx";
  return dir === clusterDir(undefined, env) ? `${kx} ${command}` : `KX_DIR=${dir} ${kx} ${command}`;
}
