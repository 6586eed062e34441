import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CniCommand, CniError, JsonObject } from "@kx/core/contracts/cni";

/** The type of the delegate that the suite puts in the place of address management. */
export const probeType = "kx-conformance-probe";
/** What the probe writes to standard error with each call. */
export const probeWords = "the delegate was here";

/** What the probe was called with. */
export interface ProbeCall {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** An executable plug-in that remembers its calls and answers as it was told to. */
export interface Probe {
  /** The folder that it is in, for CNI_PATH. */
  readonly folder: string;
  calls(): readonly ProbeCall[];
  /** What ADD prints from now on. */
  gives(result: JsonObject): void;
  /** A command fails from now on. */
  failsAt(command: CniCommand, error: CniError): void;
  /** Forgets calls, results and failures. */
  reset(): void;
}

/** Puts the probe into a folder. */
export function installProbe(folder: string): Probe {
  const [bin, told, calls] = [join(folder, "bin"), join(folder, "told"), join(folder, "calls")];
  mkdirSync(bin, { recursive: true });
  const file = join(bin, probeType);
  writeFileSync(file, scriptOf(told, calls));
  chmodSync(file, 0o755);
  const reset = () => {
    for (const each of [told, calls]) {
      rmSync(each, { recursive: true, force: true });
      mkdirSync(each);
    }
  };
  reset();
  return {
    folder: bin,
    reset,
    gives: (result) => writeFileSync(join(told, "result"), JSON.stringify(result)),
    failsAt: (command, error) => writeFileSync(join(told, `fail-${command}`), JSON.stringify(error)),
    calls: () =>
      readdirSync(calls)
        .filter((name) => existsSync(join(calls, name, "env")))
        .toSorted((a, b) => Number(a) - Number(b))
        .map((name) => readCall(join(calls, name))),
  };
}

function readCall(folder: string): ProbeCall {
  const lines = readFileSync(join(folder, "env"), "utf8").split("\n");
  const pairs = lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const);
  const env = Object.fromEntries(pairs.filter(([name]) => name.startsWith("CNI_")));
  return { command: env["CNI_COMMAND"] ?? "", env, stdin: readFileSync(join(folder, "stdin"), "utf8") };
}

function scriptOf(told: string, calls: string): string {
  return `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
n=0
while ! mkdir '${calls}'/$n 2>/dev/null; do n=$((n+1)); done
cat > '${calls}'/$n/stdin
env | grep '^CNI_' > '${calls}'/$n/env
echo '${probeWords}' >&2
if [ "$CNI_COMMAND" = VERSION ]; then
  echo '{"cniVersion":"1.1.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}'
  exit 0
fi
if [ -f '${told}'/fail-$CNI_COMMAND ]; then cat '${told}'/fail-$CNI_COMMAND; exit 1; fi
if [ "$CNI_COMMAND" = ADD ]; then cat '${told}'/result; fi
exit 0
`;
}
