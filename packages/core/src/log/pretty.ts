import { isRecord } from "../is-record.ts";

const colors: Readonly<Record<string, number>> = { debug: 90, info: 32, warn: 33, error: 31 };

/** A JSON line of a logger as people read it: `12:04:05.120 WARN  group not ready in time group=cache`, causes below. */
export function formatPretty(line: string, hasColors: boolean): string {
  const { level, time, msg, ...fields } = parse(line);
  if (typeof level !== "string" || typeof time !== "string") return line;
  const paint = (code: number, text: string) => (hasColors ? `\u001B[${code}m${text}\u001B[0m` : text);
  const { err, ...rest } = fields;
  const pairs = Object.entries(isRecord(err) ? rest : fields).map(
    ([key, value]) => `${paint(90, `${key}=`)}${show(value)}`,
  );
  const head = [
    paint(90, time.slice(11, 23)),
    paint(colors[level] ?? 0, level.toUpperCase().padEnd(5)),
    printable(String(msg)),
  ];
  return `${[...head, ...pairs].join(" ")}\n${isRecord(err) ? describe(err, "  ") : ""}`;
}

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function show(value: unknown): string {
  if (typeof value === "string" && /^[\w./:@%+-]+$/.test(value)) return value;
  return printable(JSON.stringify(value) ?? "");
}

function describe(err: Record<string, unknown>, indent: string): string {
  const { message, stack, cause } = err;
  const frames = typeof stack === "string" ? stack.split("\n").filter((text) => text.startsWith("    at ")) : [];
  const own = [String(message), ...frames.map((text) => text.slice(2))];
  const lines = own.map((text) => `${indent}${printable(text)}\n`).join("");
  return isRecord(cause) ? `${lines}${indent}caused by:\n${describe(cause, `${indent}  `)}` : lines;
}

/** Text from outside must not move the cursor or begin a line of its own. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
