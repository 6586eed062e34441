import { type FakeClock, fakeClock } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { createOperations, type Operation } from "./operations.ts";

/** A call of one volume, whose caller can leave. */
function operation(own: Partial<Operation> & { readonly method?: string; readonly deadline?: number } = {}) {
  const caller = new AbortController();
  const { method = "/csi.v1.Node/NodeStageVolume", deadline, keys = [{ key: "volume:v" }], digest = "d" } = own;
  const ctx = { method, callSignal: caller.signal, ...(deadline === undefined ? {} : { deadline }) };
  return { ctx, keys, digest, leave: () => caller.abort() };
}

function work() {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly n: number }>();
  let calls = 0;
  const run = () => {
    calls++;
    return promise;
  };
  return { run, resolve, reject, calls: () => calls };
}

const never = () => Promise.reject(new Error("must not be called"));

describe("operations", () => {
  it("keep out others on the same thing, let in those on other things, and let go at the end", async () => {
    const operations = createOperations(fakeClock());
    const first = work();
    const running = operations.run(operation(), first.run);
    await expect(operations.run(operation(), never)).rejects.toMatchObject({ code: "KX_CSI_BUSY", retryable: true });
    await expect(operations.run(operation({ digest: "e" }), never)).rejects.toThrow('volume "v"');
    expect(
      await operations.run(operation({ keys: [{ key: "volume:w" }], digest: "w" }), async () => ({ n: 2 })),
    ).toEqual({ n: 2 });
    expect(operations.running).toBe(1);
    first.resolve({ n: 1 });
    expect(await running).toEqual({ n: 1 });
    expect(await operations.run(operation(), async () => ({ n: 3 }))).toEqual({ n: 3 });
    expect(operations.running).toBe(0);
  });

  it("let go of a failed call's keys", async () => {
    const operations = createOperations(fakeClock());
    await expect(operations.run(operation(), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    const throwing = () => {
      throw new Error("at once");
    };
    await expect(operations.run(operation(), throwing)).rejects.toThrow("at once");
    expect(await operations.run(operation(), async () => ({ n: 1 }))).toEqual({ n: 1 });
  });

  it("let a retry join the call of a caller that has gone, and one of that one's", async () => {
    const operations = createOperations(fakeClock());
    const slow = work();
    const first = operation();
    const outcome = operations.run(first, slow.run);
    first.leave();
    await expect(operations.run(operation({ digest: "other" }), never)).rejects.toThrow("KX_CSI_BUSY");
    const second = operation();
    const joined = operations.run(second, never);
    await expect(operations.run(operation(), never)).rejects.toThrow("KX_CSI_BUSY");
    second.leave();
    const third = operations.run(operation(), never);
    slow.resolve({ n: 1 });
    expect(await Promise.all([outcome, joined, third])).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }]);
    expect(slow.calls()).toBe(1);
    // It was heard by the third, so that nothing is kept.
    expect(await operations.run(operation(), async () => ({ n: 2 }))).toEqual({ n: 2 });
  });

  const left = async (clock: FakeClock, end: "resolve" | "reject", keys?: Operation["keys"]) => {
    const operations = createOperations(clock);
    const slow = work();
    const first = operation(keys === undefined ? {} : { keys });
    const outcome = operations.run(first, slow.run).catch(() => undefined);
    first.leave();
    if (end === "resolve") slow.resolve({ n: 1 });
    else slow.reject(new Error("no room"));
    await outcome;
    return operations;
  };

  it("give a retry the outcome that nobody has heard, once", async () => {
    const good = await left(fakeClock(), "resolve");
    expect(await good.run(operation(), never)).toEqual({ n: 1 });
    expect(await good.run(operation(), async () => ({ n: 2 }))).toEqual({ n: 2 });
    const bad = await left(fakeClock(), "reject");
    await expect(bad.run(operation(), never)).rejects.toThrow("no room");
    expect(await bad.run(operation(), async () => ({ n: 2 }))).toEqual({ n: 2 });
  });

  it("keep no outcome that has grown old, or that another call has made untrue", async () => {
    const clock = fakeClock();
    const old = await left(clock, "resolve");
    await clock.advance(10 * 60_000 + 1);
    expect(await old.run(operation(), async () => ({ n: 2 }))).toEqual({ n: 2 });
    const undone = await left(clock, "resolve");
    await undone.run(operation({ digest: "unstage" }), async () => ({ n: 0 }));
    expect(await undone.run(operation(), async () => ({ n: 2 }))).toEqual({ n: 2 });
    const deleted = await left(clock, "resolve", [{ key: "name:a" }]);
    await deleted.run(operation({ method: "/csi.v1.Controller/DeleteVolume" }), async () => ({ n: 0 }));
    expect(await deleted.run(operation({ keys: [{ key: "name:a" }] }), async () => ({ n: 2 }))).toEqual({ n: 2 });
  });

  it("take a caller whose deadline is at hand for one that has gone", async () => {
    const clock = fakeClock();
    const operations = createOperations(clock);
    const late = operation({ deadline: clock.now() + 500 });
    await operations.run(late, async () => ({ n: 1 }));
    expect(await operations.run(operation(), never)).toEqual({ n: 1 });
    await operations.run(operation({ deadline: clock.now() + 60_000 }), async () => ({ n: 2 }));
    expect(await operations.run(operation(), async () => ({ n: 3 }))).toEqual({ n: 3 });
  });

  it("share what only has to stay", async () => {
    const operations = createOperations(fakeClock());
    const source = { key: "volume:v", isShared: true };
    const clone = (name: string, run: () => Promise<object>) =>
      operations.run(operation({ keys: [{ key: `name:${name}` }, source], digest: name }), run);
    const first = work();
    const second = work();
    const both = [clone("a", first.run), clone("b", second.run)];
    await expect(operations.run(operation(), never)).rejects.toThrow("KX_CSI_BUSY");
    first.resolve({ n: 1 });
    await both[0];
    await expect(operations.run(operation(), never)).rejects.toThrow("KX_CSI_BUSY");
    second.resolve({ n: 2 });
    await both[1];
    expect(await operations.run(operation(), async () => ({ n: 3 }))).toEqual({ n: 3 });
    // What names a thing twice holds it alone.
    const twice = { keys: [source, { key: "volume:v" }], digest: "twice" };
    const third = work();
    const alone = operations.run(operation(twice), third.run);
    await expect(clone("c", never)).rejects.toThrow("KX_CSI_BUSY");
    third.resolve({ n: 4 });
    await alone;
  });
});
