import { type FakeClock, fakeClock } from "@kx/core/testing";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exponentialLimiter } from "./rate-limit.ts";
import { createWorkQueue, lowPriority } from "./work-queue.ts";

const newQueue = (clock: FakeClock = fakeClock()) => createWorkQueue({ clock, limiter: exponentialLimiter() });

describe("work queue", () => {
  it("holds a key once, and serves in the order of arrival", async () => {
    const queue = newQueue();
    for (const key of ["a", "b", "a", "c", "b"]) queue.add(key);
    expect(queue.length).toBe(3);
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(["a", "b", "c"]);
  });

  it("queues a key again that was added while a worker had it", async () => {
    const queue = newQueue();
    queue.add("a");
    await queue.get();
    queue.add("a");
    queue.add("a");
    expect(queue.length).toBe(0);
    queue.done("a");
    expect(await queue.get()).toBe("a");
    queue.done("a");
    expect(queue.length).toBe(0);
  });

  it("adds later keys at their time, the earliest time winning", async () => {
    const clock = fakeClock();
    const queue = newQueue(clock);
    queue.addAfter("late", 5000);
    queue.addAfter("soon", 1000);
    queue.addAfter("late", 2000);
    queue.addAfter("soon", 9000);
    await clock.advance(999);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(await queue.get()).toBe("soon");
    await clock.advance(1000);
    expect(await queue.get()).toBe("late");
    queue.done("late");
    await clock.advance(20_000);
    expect(queue.length).toBe(0);
  });

  it("doubles the wait of a failing key until it is forgotten", async () => {
    const clock = fakeClock();
    const queue = newQueue(clock);
    const waits: number[] = [];
    for (let failure = 0; failure < 20; failure++) {
      const start = clock.now();
      queue.addRateLimited("a");
      while (queue.length === 0) await clock.advance(Math.max(1, clock.now() - start));
      waits.push(clock.now() - start);
      await queue.get();
      queue.done("a");
    }
    expect(waits[0]).toBeGreaterThanOrEqual(5);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(1_000_000);
    queue.forget("a");
    queue.addRateLimited("a");
    await clock.advance(5);
    expect(queue.length).toBe(1);
  });

  it("serves higher priorities first, moves a key up, and never forgets the low ones", async () => {
    const queue = newQueue();
    for (let i = 0; i < 3; i++) queue.add(`low-${i}`, lowPriority);
    for (let i = 0; i < 20; i++) queue.add(`key-${i}`);
    queue.add("low-2");
    queue.add("key-0", lowPriority);
    const served: string[] = [];
    while (queue.length > 0) served.push((await queue.get()) ?? "");
    // It came up behind the twenty; two turns of the lowest priority went by meanwhile.
    expect(served.indexOf("low-2")).toBe(22);
    expect(served.indexOf("key-0")).toBe(0);
    expect(served.indexOf("low-0")).toBe(9);
    expect(served.indexOf("low-1")).toBe(19);
    expect(served).toHaveLength(23);
  });

  it("counts as client-go does", async () => {
    const clock = fakeClock();
    const queue = createWorkQueue({ name: "q", clock, limiter: exponentialLimiter() });
    const value = (name: string, suffix?: string) => {
      const samples = queue.metrics().find((family) => family.name === `workqueue_${name}`)?.samples;
      return samples?.findLast((sample) => sample.suffix === suffix)?.value;
    };
    queue.add("a");
    queue.add("a");
    queue.add("b");
    expect([value("depth"), value("adds_total")]).toEqual([2, 2]);
    await clock.advance(2000);
    await queue.get();
    await clock.advance(3000);
    expect([value("unfinished_work_seconds"), value("longest_running_processor_seconds")]).toEqual([3, 3]);
    expect([value("queue_duration_seconds", "_sum"), value("queue_duration_seconds", "_count")]).toEqual([2, 1]);
    queue.add("a");
    queue.done("a");
    queue.addRateLimited("c");
    expect([value("work_duration_seconds", "_sum"), value("retries_total"), value("adds_total")]).toEqual([3, 1, 3]);
    expect(queue.metrics()[0]).toMatchObject({
      name: "workqueue_depth",
      samples: [{ labels: { name: "q" }, value: 2 }],
    });
    queue.shutDown();
  });

  it("wakes those who wait when it is shut down", async () => {
    const queue = newQueue();
    const waiting = Promise.all([queue.get(), queue.get()]);
    queue.shutDown();
    queue.add("a");
    expect(await waiting).toEqual([undefined, undefined]);
    expect(await queue.get()).toBeUndefined();
  });

  it("loses no key and gives none to two workers, whatever happens", async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("add" as const), key: fc.nat(3) }),
      fc.record({ do: fc.constant("later" as const), key: fc.nat(3), ms: fc.nat(50) }),
      fc.record({ do: fc.constant("retry" as const), key: fc.nat(3) }),
      fc.record({ do: fc.constant("take" as const) }),
      fc.record({ do: fc.constant("finish" as const), index: fc.nat() }),
      fc.record({ do: fc.constant("advance" as const), ms: fc.nat(60) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = fakeClock();
        const queue = newQueue(clock);
        const inHand: string[] = [];
        /** Keys added since a worker last took them. */
        const owed = new Set<string>();
        const take = async () => {
          const key = (await queue.get()) ?? "";
          expect(inHand).not.toContain(key);
          inHand.push(key);
          owed.delete(key);
        };
        const finish = (index: number) => queue.done(inHand.splice(index, 1)[0] ?? "");
        for (const action of steps) {
          if ("key" in action) {
            const key = `k${action.key}`;
            owed.add(key);
            if (action.do === "add") queue.add(key);
            else if (action.do === "later") queue.addAfter(key, action.ms);
            else queue.addRateLimited(key);
          } else if (action.do === "take" && queue.length > 0) await take();
          else if (action.do === "finish" && inHand.length > 0) finish(action.index % inHand.length);
          else if (action.do === "advance") await clock.advance(action.ms);
        }
        await clock.advance(2_000_000);
        while (inHand.length > 0 || queue.length > 0) {
          while (queue.length > 0) await take();
          while (inHand.length > 0) finish(0);
        }
        expect([...owed]).toEqual([]);
        expect(clock.sleepers).toBe(0);
      }),
    );
  });
});
