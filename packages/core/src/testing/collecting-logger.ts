import type { LogFields, Logger } from "../context.ts";

/** One line that was logged. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  /** With the fields of the loggers above. Not redacted: these are the objects that the code under test passed. */
  readonly fields: LogFields;
}

/** A logger that keeps its lines in memory, those of its children too. */
export interface CollectingLogger extends Logger {
  readonly lines: readonly LogLine[];
  /** The messages alone, in order; of one level if it is given. */
  messages(level?: LogLine["level"]): readonly string[];
}

/** Makes a logger for tests. */
export function collectingLogger(): CollectingLogger {
  const lines: LogLine[] = [];
  const messages = (level?: LogLine["level"]) =>
    lines.filter((line) => level === undefined || line.level === level).map((line) => line.message);
  return { ...loggerInto(lines, {}), lines, messages };
}

function loggerInto(lines: LogLine[], above: LogFields): Logger {
  const at = (level: LogLine["level"]) => (fields: LogFields, message: string) => {
    lines.push({ level, message, fields: { ...above, ...fields } });
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => loggerInto(lines, { ...above, ...fields }),
  };
}
