import { readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Lets a path be a link to a target; whatever was there is replaced at once, so that no moment is without. */
export async function replaceLink(path: string, target: string): Promise<void> {
  if ((await linkTarget(path)) === target) return;
  const making = join(dirname(path), ".kx-link.tmp");
  await rm(making, { force: true });
  await symlink(target, making);
  await rename(making, path);
}

/** Where a link leads; undefined if there is none. */
export async function linkTarget(path: string): Promise<string | undefined> {
  return await readlink(path).catch(() => undefined);
}

/** The links of a folder that lead below a prefix. */
export async function linksInto(folder: string, prefix: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const paths = names.map((name) => join(folder, name));
  const targets = await Promise.all(paths.map(linkTarget));
  return paths.filter((_, index) => targets[index]?.startsWith(`${prefix}/`));
}
