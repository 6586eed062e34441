import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { didYouMean, KxError } from "@kx/core";
import { type ConformanceOptions, conformance, formatCase, formatCounts } from "@kx/csi/testing";
import type { SanityFlags } from "../csi/flags.ts";
import { format } from "../output.ts";
import type { Terminal } from "../terminal.ts";

const execute = promisify(execFile);

/** What `--options` may hold: each is an object of strings. */
const optionKeys = ["parameters", "mutableParameters", "snapshotParameters", "secrets", "exempt", "knownGaps"] as const;

type WrittenOptions = Partial<Pick<ConformanceOptions, (typeof optionKeys)[number]>>;

/**
 * Runs the conformance kit on a driver, with a line for each case as it ends.
 *
 * @returns the exit code: 1 if a case failed.
 */
export async function csiSanity(flags: SanityFlags, { stdout }: Terminal, signal: AbortSignal): Promise<number> {
  const { endpoint, output, folder, only, volumeSize, mounts, block = false, all = false } = flags;
  const options: ConformanceOptions = {
    ...(flags.options === undefined ? {} : await readOptions(flags.options)),
    endpoint,
    mounts,
    accessType: block ? "block" : "mount",
    ...(volumeSize === undefined ? {} : { volumeBytes: volumeSize }),
    ...(folder === undefined ? {} : { folder }),
    ...(only === undefined ? {} : { only }),
    ...faultsOf(flags),
  };
  const isTable = output === undefined;
  if (isTable) stdout.write(`${endpoint}\n`);
  const report = await conformance(options, {
    signal,
    onCase: (each) => {
      if (isTable && (all || each.outcome !== "not-applicable")) stdout.write(`${formatCase(each)}\n`);
    },
  });
  stdout.write(output === undefined ? `\n${formatCounts(report)}\n` : `${format(report, output)}\n`);
  return report.isConformant ? 0 : 1;
}

/** The commands by which the driver is killed and started again. */
function faultsOf({ kill, start }: SanityFlags): Pick<ConformanceOptions, "faults"> {
  if (kill === undefined && start === undefined) return {};
  if (kill === undefined || start === undefined) {
    throw new KxError("KX_CLI_CSI", `there is --${kill === undefined ? "start" : "kill"} alone`, {
      remedy: "give --kill and --start, or none of them",
    });
  }
  return { faults: { kill: () => inShell(kill), start: () => inShell(start) } };
}

async function inShell(command: string): Promise<void> {
  await execute("sh", ["-c", command]).catch((error: Error & { readonly stderr?: string }) => {
    throw new KxError("KX_CLI_CSI", `${command}: ${error.stderr?.trim() || error.message}`, { cause: error });
  });
}

async function readOptions(path: string): Promise<WrittenOptions> {
  const wrong = (problem: string, remedy: string) => new KxError("KX_CLI_CSI", `${path} ${problem}`, { remedy });
  let read: unknown;
  try {
    read = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new KxError("KX_CLI_CSI", `${path} cannot be read as JSON: ${KxError.from(error).reason}`, { cause: error });
  }
  if (typeof read !== "object" || read === null) throw wrong("is no object", 'write it as {"parameters": {...}}');
  for (const [key, value] of Object.entries(read)) {
    if (!optionKeys.some((known) => known === key)) {
      const meant = didYouMean(key, optionKeys);
      const remedy = meant === undefined ? `known are ${optionKeys.join(", ")}` : `did you mean ${meant}?`;
      throw wrong(`has the unknown field ${key}`, remedy);
    }
    const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isRecord && Object.values(value).every((one) => typeof one === "string")) continue;
    throw wrong(`has a wrong ${key}`, `write it as {"${key}": {"name": "value"}}`);
  }
  return read;
}
