import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ConformanceOptions, conformance, formatCase, formatCounts } from "@kx/cni/testing";
import { didYouMean, KxError } from "@kx/core";
import type { ConformanceFlags } from "../cni/flags.ts";
import { readJson, readPluginConfig } from "../cni/plugin-config.ts";
import { binDirs } from "../cni/settings.ts";
import { format } from "../output.ts";
import type { Terminal } from "../terminal.ts";

/** What `--options` may hold: what of the suite's options can be written in JSON. */
const optionKeys = ["full", "otherNetwork", "exempt", "knownGaps"] as const;

/**
 * Runs the conformance suite on an executable, with a line for each case as it ends. Its network has a name of its own, so
 * that the machine's networks are left alone.
 *
 * @returns the exit code: 1 if a case failed.
 */
export async function cniConformance(
  executable: string,
  flags: ConformanceFlags,
  { stdout, env }: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const path = binDirs(flags, env);
  const file = findExecutable(executable, path);
  const { config, role } = await readPluginConfig(flags.config, file);
  const options: ConformanceOptions = {
    ...(flags.options === undefined ? {} : await readOptions(flags.options)),
    executable: file,
    config: { ...config, name: "kx-conformance" },
    role: flags.role ?? role,
    path,
    env: ownVariables(env),
    ...(flags.ifName === undefined ? {} : { ifName: flags.ifName }),
    ...(flags.only === undefined ? {} : { only: flags.only }),
  };
  const isTable = flags.output === undefined;
  if (isTable) stdout.write(`${file} (${options.role})\n`);
  const report = await conformance(options, {
    signal,
    onCase: (each) => {
      const isShown = isTable && (flags.all === true || each.outcome !== "not-applicable");
      if (isShown) stdout.write(`${formatCase(each)}\n`);
    },
  });
  stdout.write(flags.output === undefined ? `\n${formatCounts(report)}\n` : `${format(report, flags.output)}\n`);
  return report.isConformant ? 0 : 1;
}

function findExecutable(name: string, path: readonly string[]): string {
  const candidates = name.includes("/") ? [resolve(name)] : path.map((folder) => join(folder, name));
  const found = candidates.find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new KxError("KX_CLI_CNI", `there is no plug-in ${candidates.join(" or ")}`, {
    remedy: "give the executable's path, or a name and its folder with --bin-dir",
  });
}

type WrittenOptions = Partial<Pick<ConformanceOptions, (typeof optionKeys)[number]>>;

async function readOptions(path: string): Promise<WrittenOptions> {
  const read = await readJson(path);
  const wrong = (problem: string, remedy: string) => new KxError("KX_CLI_CNI", `${path} ${problem}`, { remedy });
  const odd = Object.keys(read).find((key) => !optionKeys.some((known) => known === key));
  if (odd !== undefined) {
    const meant = didYouMean(odd, optionKeys);
    const remedy = meant === undefined ? `known are ${optionKeys.join(", ")}` : `did you mean ${meant}?`;
    throw wrong(`has the unknown field ${odd}`, remedy);
  }
  const { full, otherNetwork = {}, exempt = {}, knownGaps = {} } = read;
  if (full !== undefined && !(isObject(full) && isObject(full["config"]) && Number.isInteger(full["fits"]))) {
    throw wrong("has a wrong `full`", 'write it as {"config": {"ipam": ...}, "fits": 1}');
  }
  if (!isObject(otherNetwork)) throw wrong("has a wrong `otherNetwork`", "write fields of a configuration");
  for (const reasons of [exempt, knownGaps]) {
    if (isObject(reasons) && Object.values(reasons).every((reason) => typeof reason === "string")) continue;
    throw wrong("has a wrong list of cases", 'write it as {"P12.route": "the reason"}');
  }
  return read;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The variables of this process that a plug-in of one's own may need; CNI's are the suite's. */
function ownVariables(env: Terminal["env"]): Readonly<Record<string, string>> {
  const own = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || name.startsWith("CNI_") ? [] : [[name, value] as const],
  );
  return Object.fromEntries(own);
}
