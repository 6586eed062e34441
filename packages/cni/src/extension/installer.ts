import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Logger, type Runnable } from "@kx/core";
import { endDraining } from "../install/draining.ts";
import { type InstallSources, programName, shimName } from "../install/folder.ts";
import { installCni, linkPlugins } from "../install/install.ts";
import { whileInstalling } from "../install/places.ts";

/** Puts the plug-ins where the container runtime looks for them, once; after it, configurations may name them. */
export function createInstaller(log: Logger, folder: string | undefined, binDir = "/opt/cni/bin"): Runnable {
  return {
    name: "plug-ins",
    group: "cache",
    async start(signal, ready) {
      if (folder === undefined) {
        const { notes, executable } = await installCni({ binDir, sources: filesBeside(import.meta.url) });
        log.info({ binDir, executable, notes }, "plug-ins installed");
      } else {
        const executable = existsSync(join(folder, shimName)) ? shimName : programName;
        const prefix = dirname(folder);
        await mkdir(binDir, { recursive: true });
        await whileInstalling(prefix, async () => {
          await linkPlugins(binDir, join(folder, executable));
          await endDraining(prefix);
        });
        log.info({ binDir, executable }, "plug-ins linked");
      }
      ready();
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
}

/** A bundle has the files beside it; else they are those of this package. */
function filesBeside(importer: string): Partial<InstallSources> {
  const at = (name: string) => fileURLToPath(new URL(name, importer));
  const program = at(`${programName}.js`);
  if (!existsSync(program)) return {};
  return { program, ...(existsSync(at(shimName)) ? { shim: at(shimName) } : {}) };
}
