import { KxError } from "../error.ts";
import { isRecord } from "../is-record.ts";
import type { Schema } from "../schema.ts";
import { readConfigFile } from "./file.ts";
import { formatHelp } from "./help.ts";
import { checkConfig, formatPath, type Problem, showValue } from "./problems.ts";
import { settingsOf } from "./settings.ts";
import { type Found, readEnv, readFlags } from "./sources.ts";

/** What `loadConfig` reads from. */
export interface LoadConfigOptions<T> {
  /** The program's name, for the help text. */
  readonly name: string;
  /** Describes and checks the configuration: every leaf is a flag, an environment variable and a key of the file. */
  readonly schema: Schema<T>;
  /** The command line without the program: `process.argv.slice(2)`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `KX` makes `healthPort` the variable `KX_HEALTH_PORT`. */
  readonly envPrefix: string;
  /** Path of a YAML or JSON file to read first. Default: none. */
  readonly file?: string;
}

/** Either the configuration, or the help text if that was asked for. */
export type LoadedConfig<T> = { readonly value: T; readonly help?: never } | { readonly help: string };

/**
 * Reads a configuration. A flag counts before an environment variable, that before the file, that before the default.
 *
 * @throws KxError `KX_CONFIG_*`, naming path, value, source and remedy.
 */
export async function loadConfig<T>(options: LoadConfigOptions<T>): Promise<LoadedConfig<T>> {
  const settings = settingsOf(options.schema, options.envPrefix);
  const flags = readFlags(settings, options.args);
  if (flags.wantsHelp) return { help: formatHelp(options.name, settings) };
  const fromFile = options.file === undefined ? {} : await readConfigFile(options.file);
  const found = [...readEnv(settings, options.env), ...flags.found];
  const checked = await checkConfig(options.schema, merge(fromFile, found));
  if ("value" in checked) return checked;
  throw invalid(
    checked.problems,
    (path) => found.findLast((item) => isPrefix(item.path, path))?.source ?? fileSource(options.file, fromFile, path),
  );
}

/** Makes one error of all that is wrong; `sourceOf` names where the value at a path came from. */
export function invalid(
  problems: readonly Problem[],
  sourceOf: (path: readonly string[]) => string | undefined,
): KxError {
  const lines = problems.map((problem) => {
    const source = sourceOf(problem.path);
    const from = source === undefined ? "" : `, from ${source}`;
    const remedy = problem.remedy === undefined ? "" : `; ${problem.remedy}`;
    const where = formatPath(problem.path) || "the configuration";
    return `${where} ${problem.message} (${showValue(problem.path, problem.value)}${from}${remedy})`;
  });
  return new KxError("KX_CONFIG_INVALID", lines.join("; "), {
    remedy: problems.length === 1 ? "correct this value" : `correct these ${problems.length} values`,
    details: { paths: problems.map((problem) => formatPath(problem.path)) },
  });
}

function merge(base: unknown, found: readonly Found[]): unknown {
  // What is no object is left for the schema to refuse.
  if (!isRecord(base)) return base;
  const root = structuredClone(base);
  for (const { path, value } of found) {
    let at = root;
    for (const key of path.slice(0, -1)) {
      const below = at[key];
      const next = isRecord(below) ? below : {};
      at[key] = next;
      at = next;
    }
    at[path.at(-1) ?? ""] = value;
  }
  return root;
}

function fileSource(file: string | undefined, content: unknown, path: readonly string[]): string | undefined {
  if (file === undefined) return undefined;
  const value = path.reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), content);
  return value === undefined ? undefined : `file ${file}`;
}

function isPrefix(prefix: readonly string[], path: readonly string[]): boolean {
  return prefix.every((key, index) => path[index] === key);
}
