import type { Readable } from "node:stream";
import type { Logger } from "../context.ts";
import { isRecord } from "../is-record.ts";

const maxLine = 65_536;

/** Calls back with each line of a stream, cut where it is longer than anyone reads. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLine) {
      lines.push(rest);
      rest = "";
    }
    for (const line of lines) if (line !== "") onLine(line.slice(0, maxLine));
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
  });
  // A broken pipe is the end of a process, which is told elsewhere.
  stream.on("error", () => undefined);
}

/**
 * Logs a line of a child process: a JSON line of a kx logger as what it is, any other text as a warning.
 *
 * @returns what the line says, in short.
 */
export function forwardLine(line: string, log: Logger): string {
  const { level, time: _, msg, extension: __, ...fields } = parse(line);
  if (typeof msg !== "string" || !isLevel(level)) {
    log.warn({ output: line }, "extension wrote");
    return line;
  }
  log[level](fields, msg);
  const { err } = fields;
  return isRecord(err) && typeof err["message"] === "string" ? `${msg}: ${err["message"]}` : msg;
}

function parse(line: string): Record<string, unknown> {
  if (!line.startsWith("{")) return {};
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function isLevel(value: unknown): value is "debug" | "info" | "warn" | "error" {
  return value === "debug" || value === "info" || value === "warn" || value === "error";
}
