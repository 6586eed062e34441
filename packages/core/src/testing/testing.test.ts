import { describe, expect, it } from "vitest";
import { collectingLogger, fakeClock } from "./index.ts";

describe("fakeClock", () => {
  it("wakes sleepers in order, each at its own time, also those set while time moves", async () => {
    const clock = fakeClock(0);
    const seen: [string, number][] = [];
    const note = async (name: string, ms: number) => {
      await clock.sleep(ms);
      seen.push([name, clock.now()]);
    };
    void note("b", 20).then(() => note("d", 5));
    void note("a", 10);
    void note("c", 22);
    await clock.advance(24);
    expect(seen).toEqual([
      ["a", 10],
      ["b", 20],
      ["c", 22],
    ]);
    expect(clock.sleepers).toBe(1);
    await clock.advance(1);
    expect(seen.at(-1)).toEqual(["d", 25]);
  });

  it("rejects an aborted sleep with the signal's reason", async () => {
    const clock = fakeClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(10, controller.signal);
    await clock.untilSleeping();
    controller.abort(new Error("stop"));
    await expect(sleeping).rejects.toThrow("stop");
    expect(clock.sleepers).toBe(0);
  });
});

describe("collectingLogger", () => {
  it("keeps the lines of children with all fields", () => {
    const log = collectingLogger();
    log.child({ a: 1 }).child({ b: 2 }).info({ c: 3 }, "hello");
    log.warn({}, "careful");
    expect(log.lines[0]).toEqual({ level: "info", message: "hello", fields: { a: 1, b: 2, c: 3 } });
    expect(log.messages("warn")).toEqual(["careful"]);
  });
});
