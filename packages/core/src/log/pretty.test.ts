import { describe, expect, it } from "vitest";
import { KxError } from "../error.ts";
import { createLogger } from "./index.ts";
import { formatPretty } from "./pretty.ts";

function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  let text = "";
  write(createLogger({ format: "pretty", stream: { write: (line) => void (text += line) } }));
  return text;
}

describe("pretty lines", () => {
  it("show time, level, message and fields", () => {
    const text = logged((log) =>
      log.warn({ group: "cache", notReady: ["a/b"], why: "two words" }, "not ready in time"),
    );
    expect(text).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}not ready in time group=cache notReady=\["a\/b"\] why="two words"\n$/,
    );
  });

  it("show an error with its place and its causes below", () => {
    const cause = new TypeError("root");
    const text = logged((log) => log.error({ err: new KxError("KX_CORE_UNEXPECTED", "top", { cause }) }, "failed"));
    expect(text).toMatch(
      /ERROR failed\n {2}\[KX_CORE_UNEXPECTED\] top\n {4}at .*pretty\.test[\s\S]* caused by:\n {4}root\n/,
    );
  });

  it("let no text from outside write a line or move the cursor", () => {
    const text = logged((log) => log.info({ a: "x\n\u001B[2J" }, "m\u001B[31m\n00:00:00.000 ERROR forged"));
    expect(text.match(/\n/g)).toHaveLength(1);
    expect(text).not.toContain("\u001B");
  });

  it("have colours only where asked, and leave what is no line of a logger", () => {
    const line = '{"level":"info","time":"2026-01-02T03:04:05.678Z","msg":"m"}\n';
    expect(formatPretty(line, true)).toBe("\u001B[90m03:04:05.678\u001B[0m \u001B[32mINFO \u001B[0m m\n");
    expect(formatPretty("plain\n", true)).toBe("plain\n");
  });
});
