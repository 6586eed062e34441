import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KxError } from "@kx/core";
import { firstConfiguration } from "./plan-conflist.ts";

/** The configuration that the container runtime reads. */
export interface ConflistFile {
  /** What is there; undefined if nothing is. */
  read(): Promise<string | undefined>;
  /**
   * Puts it there unless it is: under its name it is whole from the first moment on.
   *
   * @returns whether there was another, or none.
   * @throws KxError `KX_CNI_IO`.
   */
  write(text: string): Promise<boolean>;
  /** The configuration that runtimes take in its place, as its name sorts first; undefined if there is none. */
  shadow(): Promise<string | undefined>;
}

export function conflistFile(folder: string, name: string): ConflistFile {
  const path = join(folder, name);
  const read = () =>
    readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw failed(`${path} cannot be read`, error);
    });
  return {
    read,
    async write(text) {
      if ((await read()) === text) return false;
      // Runtimes leave out names that do not end as configurations do.
      const making = join(folder, `.${name}.${process.pid}`);
      try {
        await mkdir(folder, { recursive: true });
        await removeHalfWritten(path);
        await writeFile(making, text, { mode: 0o600 });
        await rename(making, path);
      } catch (error) {
        await rm(making, { force: true }).catch(() => undefined);
        throw failed(`${path} cannot be written`, error);
      }
      return true;
    },
    async shadow() {
      const first = firstConfiguration(await readdir(folder).catch(() => []));
      return first === undefined || first >= name ? undefined : join(folder, first);
    },
  };
}

/** Removes what writers of a configuration that were killed have left. One that still writes fails, and tries again. */
export async function removeHalfWritten(path: string): Promise<void> {
  const start = `.${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(start))) await rm(join(dirname(path), name), { force: true });
}

function failed(what: string, cause: unknown): KxError {
  return new KxError("KX_CNI_IO", `${what}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, { cause });
}
