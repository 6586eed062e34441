import { parseArgs } from "node:util";
import { didYouMean } from "../did-you-mean.ts";
import { KxError } from "../error.ts";
import { showValue } from "./problems.ts";
import type { Setting } from "./settings.ts";

/** A value for one setting, and where it was found: `flag --health-port`. */
export interface Found {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly source: string;
}

/** What the command line asks for. */
export interface Flags {
  readonly wantsHelp: boolean;
  readonly found: readonly Found[];
}

/**
 * Reads flags: `--port 1`, `--port=1`, `--verbose`, `--no-verbose`, lists by repeating; the last of a scalar counts.
 *
 * @throws KxError `KX_CONFIG_FLAG` for an unknown flag or argument, a missing value or one of the wrong type.
 */
export function readFlags(settings: readonly Setting[], args: readonly string[]): Flags {
  // Not strict, since its errors name neither a near flag nor a remedy.
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(settings.map((s) => [s.flag, { type: s.type === "boolean" ? "boolean" : "string" }])),
    strict: false,
    tokens: true,
  });
  const scalars: Found[] = [];
  const lists = new Map<Setting, string[]>();
  let wantsHelp = false;
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") throw flagError(`unexpected argument ${showValue([], token.value)}`, "see --help");
    if (token.rawName === "--help" || token.rawName === "-h") {
      wantsHelp = true;
      continue;
    }
    const { setting, isOff } = settingOf(token, settings);
    const source = `flag ${token.rawName}`;
    if (setting.type === "list") lists.set(setting, [...(lists.get(setting) ?? []), valueOf(token)]);
    else scalars.push({ path: setting.path, value: isOff ? false : scalarOf(token, setting, source), source });
  }
  const found = [...lists].map(([{ path, flag }, value]) => ({ path, value, source: `flag --${flag}` }));
  return { wantsHelp, found: [...scalars, ...found] };
}

/** A flag as it stands on the command line. */
interface Token {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function settingOf(
  { name, rawName, value }: Token,
  settings: readonly Setting[],
): { setting: Setting; isOff: boolean } {
  const names = settings.flatMap((s) => (s.type === "boolean" ? [s.flag, `no-${s.flag}`] : [s.flag]));
  const isLong = rawName.startsWith("--");
  const setting = settings.find((s) => isLong && s.flag === name);
  if (setting !== undefined) return { setting, isOff: false };
  const off = settings.find((s) => isLong && s.type === "boolean" && `no-${s.flag}` === name);
  if (off !== undefined && value === undefined) return { setting: off, isOff: true };
  if (off !== undefined) throw flagError(`${rawName} takes no value`, `write ${rawName} or --${off.flag}=${value}`);
  const meant = didYouMean(name, [...names, "help"]);
  throw flagError(`unknown flag ${rawName}`, meant === undefined ? "see --help" : `did you mean --${meant}?`);
}

function scalarOf(token: Token, setting: Setting, source: string): unknown {
  if (setting.type === "boolean" && token.value === undefined) return true;
  return readText(setting, valueOf(token), source);
}

function valueOf({ rawName, value, inlineValue }: Token): string {
  if (value === undefined) throw flagError(`${rawName} needs a value`, `write ${rawName}=<value>`);
  if (inlineValue || !value.startsWith("--")) return value;
  throw flagError(
    `${rawName} needs a value, and ${value} looks like a flag`,
    `write ${rawName}=${value} if it is meant`,
  );
}

/**
 * Reads environment variables; lists are separated by commas. An empty variable counts as not set.
 *
 * @throws KxError `KX_CONFIG_ENV` for a value of the wrong type.
 */
export function readEnv(
  settings: readonly Setting[],
  env: Readonly<Record<string, string | undefined>>,
): readonly Found[] {
  return settings.flatMap((setting) => {
    const text = env[setting.env];
    if (text === undefined || text === "") return [];
    const source = `environment variable ${setting.env}`;
    const value =
      setting.type === "list" ? text.split(",").map((item) => item.trim()) : readText(setting, text, source);
    return [{ path: setting.path, value, source }];
  });
}

function readText(setting: Setting, text: string, source: string): string | number | boolean {
  if (setting.type === "number") {
    // Number("") is 0, and Number("0x10") is 16: neither is what was meant.
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
    throw wrongType(setting, text, source, "is not a number", "write a plain decimal number");
  }
  if (setting.type !== "boolean") return text;
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  if (/^(false|0|no|off)$/i.test(text)) return false;
  throw wrongType(setting, text, source, "is neither true nor false", "write true or false");
}

function wrongType(setting: Setting, text: string, source: string, what: string, remedy: string): KxError {
  const code = source.startsWith("flag") ? "KX_CONFIG_FLAG" : "KX_CONFIG_ENV";
  const reason = `${setting.path.join(".")} ${what}: ${showValue(setting.path, text)}, from ${source}`;
  return new KxError(code, reason, { remedy, details: { path: setting.path.join("."), source } });
}

function flagError(reason: string, remedy: string): KxError {
  return new KxError("KX_CONFIG_FLAG", reason, { remedy });
}
