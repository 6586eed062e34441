// Every reference plug-in of kx goes through the conformance suite as a program of its own, without a daemon.
import { join } from "node:path";
import { describe, test } from "vitest";
import { installScript } from "../support/executables.ts";
import { runsHere } from "./support/privileges.ts";
import { referencePlugins, suiteOptions } from "./support/suite-options.ts";
import { passes, useSuitePlace } from "./support/suite-place.ts";

const program = join(import.meta.dirname, "../../dist/bin/kx-cni.js");

describe.runIf(runsHere("the conformance suite for plug-ins that change the network"))("the suite passes", () => {
  const present = useSuitePlace();

  test.each(referencePlugins)(
    "for kx-%s executed",
    async (name) => {
      const { folder, place } = present();
      const executable = await installScript(
        folder,
        `kx-${name}`,
        `exec "${process.execPath}" "${program}" kx-${name}`,
      );
      const env = { KX_CNI_SOCKET: join(folder, "run", "cni.sock") };
      await passes(`kx-${name}, executed`, { ...suiteOptions(name, place), executable, env });
    },
    900_000,
  );
});
