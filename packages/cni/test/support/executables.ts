import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pluginTypes } from "../../src/plugins.ts";

const reference = fileURLToPath(new URL("../conformance/programs/reference.ts", import.meta.url));
const example = join(import.meta.dirname, "../../../../examples/cni-plugin/main.ts");

/** Puts the example's plug-in into a folder as the executable `register`, run by this Node. Gives its path. */
export async function installExample(folder: string): Promise<string> {
  return await installScript(folder, "register", `exec "${process.execPath}" "${example}"`);
}

/** Puts a shell script into a folder as an executable plug-in. Gives its path. */
export async function installScript(folder: string, type: string, body: string): Promise<string> {
  const file = join(folder, type);
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

/** Puts the reference plug-ins into a folder as executables, run by this Node without a daemon. */
export async function installReference(folder: string): Promise<void> {
  for (const type of pluginTypes)
    await installScript(folder, type, `exec "${process.execPath}" "${reference}" ${type}`);
}
