import { describe, expect, it } from "vitest";
import { KxError } from "../error.ts";
import { isRecord } from "../is-record.ts";
import { createLogger, type LoggerOptions } from "./index.ts";

function parseLine(line: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(line);
  if (!isRecord(parsed)) throw new Error(`no object: ${line}`);
  return parsed;
}

function logInto(options: LoggerOptions = {}) {
  const written: string[] = [];
  const log = createLogger({ ...options, stream: { write: (line) => written.push(line) } });
  return { log, lines: () => written.map(parseLine), written };
}

describe("createLogger", () => {
  it("writes one JSON line a message, with level, time, name and fields", () => {
    const { log, lines, written } = logInto({ name: "agent" });
    log.info({ volumeId: "v1", size: 3n }, "volume published");
    expect(lines()).toEqual([
      { level: "info", time: expect.any(String), name: "agent", volumeId: "v1", size: "3", msg: "volume published" },
    ]);
    expect(written[0]?.endsWith("\n")).toBe(true);
    expect(Date.parse(String(lines()[0]?.["time"]))).not.toBeNaN();
  });

  it("adds a child's fields, and a grandchild's, without secrets", () => {
    const { log, lines } = logInto();
    log.child({ extension: "foo", token: "s3cr3t" }).child({ part: "worker" }).warn({ n: 1 }, "slow");
    expect(lines()[0]).toMatchObject({ level: "warn", extension: "foo", part: "worker", n: 1, token: "[redacted]" });
  });

  it("leaves out what is below its level, and everything when silent", () => {
    const some = logInto({ level: "warn" });
    some.log.info({}, "a");
    some.log.child({}).debug({}, "b");
    some.log.error({}, "c");
    expect(some.lines().map((line) => line["msg"])).toEqual(["c"]);
    expect([some.log.isEnabled?.("info"), some.log.child({}).isEnabled?.("warn")]).toEqual([false, true]);
    const none = logInto({ level: "silent" });
    none.log.error({}, "d");
    expect(none.written).toEqual([]);
  });

  it("shows an error's code, message, stack and causes in any field, without tokens", () => {
    const { log, lines } = logInto();
    const root = Object.assign(new Error("refused: Authorization: Bearer abcdefghijkl"), { code: "ECONNREFUSED" });
    log.error({ err: new KxError("KX_CORE_UNEXPECTED", "no answer", { cause: root }) }, "call failed");
    const err = lines()[0]?.["err"];
    if (!isRecord(err)) throw new Error("no err");
    expect(err).toMatchObject({ name: "KxError", code: "KX_CORE_UNEXPECTED", reason: "no answer" });
    expect(err["stack"]).toContain("logger.test");
    expect(err["cause"]).toMatchObject({ code: "ECONNREFUSED" });
    expect(JSON.stringify(lines())).not.toContain("abcdefghijkl");
  });

  it("does not let a field pass for the line's own level, time or message", () => {
    const { log, lines, written } = logInto();
    log.info({ level: "error", msg: "forged" }, "real");
    expect(lines()[0]).toMatchObject({ level: "info", msg: "real", level_: "error", msg_: "forged" });
    expect(written[0]?.match(/"msg":/g)).toHaveLength(1);
  });

  it("does not let a message or a field break the line", () => {
    const { log, written } = logInto();
    log.info({ text: "a\n{}\u2028" }, 'b\n{"level":"error"}');
    expect(written).toHaveLength(1);
    expect(written[0]?.trimEnd()).not.toContain("\n");
  });
});
