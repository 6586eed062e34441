import { pino } from "pino";
import type { LogFields, Logger } from "../context.ts";
import { isRecord } from "../is-record.ts";
import { redact, redactText } from "../redact.ts";
import type { LogLevel } from "./levels.ts";
import { formatPretty } from "./pretty.ts";

/** How `createLogger` writes. */
export interface LoggerOptions {
  /** Default: `info`. */
  readonly level?: LogLevel;
  /** Takes one JSON line a call, with its newline. Default: standard error, written synchronously. */
  readonly stream?: { write(line: string): void };
  /** Default: `pretty` on a terminal, `json` elsewhere and into a stream. */
  readonly format?: "json" | "pretty";
  /** The field `name` of each line. Default: none. */
  readonly name?: string;
}

/** A logger that writes JSON lines without secrets. Only apps and process entries create one; libraries are given it. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level ?? "info",
    base: options.name === undefined ? {} : { name: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Errors are made plain by redact, wherever they stand.
    serializers: { err: (value: unknown) => value },
  };
  return adapt(pino(settings, streamOf(options)));
}

function streamOf({ stream, format }: LoggerOptions): pino.DestinationStream {
  // Synchronous, so that the last line before an exit is never lost.
  const target = stream ?? pino.destination({ dest: 2, sync: true });
  const isTerminal = stream === undefined && process.stderr.isTTY;
  if ((format ?? (isTerminal ? "pretty" : "json")) === "json") return target;
  const hasColors = isTerminal && process.stderr.hasColors();
  return { write: (line) => target.write(formatPretty(line, hasColors)) };
}

function adapt(target: pino.Logger): Logger {
  const at = (level: Exclude<LogLevel, "silent">) => (fields: LogFields, message: string) => {
    if (target.isLevelEnabled(level)) target[level](clean(fields), redactText(message));
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    isEnabled: (level) => target.isLevelEnabled(level),
    child: (fields) => adapt(target.child(clean(fields))),
  };
}

const ours = new Set(["level", "time", "msg"]);

/** A field named as one of the line's own would stand in it twice, and readers would believe the second. */
function clean(fields: LogFields): Record<string, unknown> {
  const plain = redact(fields);
  if (!isRecord(plain)) return {};
  if (!Object.keys(plain).some((key) => ours.has(key))) return plain;
  return Object.fromEntries(Object.entries(plain).map(([key, value]) => [ours.has(key) ? `${key}_` : key, value]));
}
