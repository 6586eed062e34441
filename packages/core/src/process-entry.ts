import { existsSync } from "node:fs";

/**
 * The URL of a file that runs as a process or worker of its own, such as `host/child`. It is a build entry, so it stands at
 * the same place below `src` (as .ts, which Node runs as it is) and below `dist`; in a bundle of others, beside the importer.
 *
 * @param importer - `import.meta.url` of the caller, which in `dist` may be a chunk of any name.
 */
export function processEntry(name: string, importer: string): URL {
  const extension = importer.endsWith(".ts") ? "ts" : "js";
  const beside = new URL(`${name.split("/").at(-1)}.${extension}`, importer);
  const top = /^.*\/(?:src|dist)\//.exec(importer)?.[0];
  // Looked for first: a bundle may be in a folder of such a name too.
  return top === undefined || existsSync(beside) ? beside : new URL(`${name}.${extension}`, top);
}
