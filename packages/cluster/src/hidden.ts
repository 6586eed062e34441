import { existsSync, realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Host paths that a node must not see: every `node` binary and this package's checkout, so that nothing works in a
 * node that was not installed there, and the homes of the machine's users, which a hostPath pod could read.
 * A trailing `/` keeps the folder, empty.
 */
export function hiddenPaths(stateDir: string, env: NodeJS.ProcessEnv = process.env): string[] {
  const folders = [...(env.PATH ?? "").split(":"), "/usr/local/bin", "/usr/bin", "/bin"].filter((p) =>
    p.startsWith("/"),
  );
  const programs = folders.flatMap((folder) => ["node", "nodejs"].map((name) => join(folder, name)));
  const exact = [...programs, process.execPath, checkout(), stateDir];
  const resolved = exact.filter((path) => existsSync(path)).flatMap((path) => [realPlace(path), realpathSync(path)]);
  const homes = ["/root", "/home"].filter((path) => existsSync(path)).map((path) => `${realpathSync(path)}/`);
  const all = [...new Set([...homes, ...resolved])].filter((path) => path !== "/");
  // What lies below a hidden folder is hidden with it.
  return all.filter((path) => !all.some((other) => other !== path && path.startsWith(`${other.replace(/\/$/, "")}/`)));
}

/** A path whose folder is resolved, but not its last part: a link is hidden as well as what it leads to. */
function realPlace(path: string): string {
  return join(realpathSync(dirname(path)), path.slice(path.lastIndexOf(sep) + 1));
}

/** The repository this file lies in, or the project whose node_modules hold it. */
function checkout(): string {
  const here = fileURLToPath(import.meta.url);
  const modules = here.indexOf(`${sep}node_modules${sep}`);
  if (modules > 0) return here.slice(0, modules);
  let folder = dirname(here);
  while (folder !== "/" && !existsSync(join(folder, "package-lock.json"))) folder = dirname(folder);
  return folder === "/" ? dirname(here) : folder;
}
