import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { createSharer } from "./share.ts";

interface Item {
  spec: unknown;
}

const deadlineMs = 30_000;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Few different ones, so that equal parts and equal hashes are frequent. */
const name = fc.constantFrom("a", "b", "ab", "ba", "__proto__", "constructor", "length");
const leaf = fc.oneof(
  fc.constantFrom<unknown>(0, -0, 1, 1.5, 2 ** 32 + 1, true, false, null, ""),
  fc.constantFrom("short", "a text of some length", "a text of same length", "x".repeat(2000)),
  fc.string(),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie("value")), { maxLength: 3 }).map((fields) => Object.fromEntries(fields)),
  ),
}));

/** A text that differs for all that JSON tells apart, also for the order of fields, and for -0. */
const textOf = (data: unknown) => JSON.stringify(data, (_, one: unknown) => (Object.is(one, -0) ? "-0!" : one));

function expectFrozen(data: unknown): void {
  if (typeof data !== "object" || data === null) return;
  expect(Object.isFrozen(data)).toBe(true);
  for (const part of Object.values(data)) expectFrozen(part);
}

describe("sharer", () => {
  it("changes nothing that a reader could see, and freezes all of it", () => {
    const versions = fc.array(fc.tuple(value, fc.constantFrom("a", "b", "c"), fc.boolean()), { maxLength: 20 });
    fc.assert(
      fc.property(versions, (given) => {
        const sharer = createSharer();
        const kept = new Map<string, Item>();
        const wanted = new Map<string, string>();
        for (const [spec, key, forget] of given) {
          const object: Item = structuredClone({ spec });
          sharer.share(object, kept.get(key));
          kept.set(key, object);
          wanted.set(key, textOf({ spec }));
          if (forget) sharer.forget();
        }
        for (const [key, object] of kept) {
          expect(textOf(object)).toBe(wanted.get(key));
          expectFrozen(object);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps equal parts once", () => {
    fc.assert(
      fc.property(value, fc.array(value), (spec, others) => {
        const sharer = createSharer();
        const [one, two]: [Item, Item] = [{ spec: structuredClone(spec) }, { spec: { deep: [structuredClone(spec)] } }];
        sharer.share(one, undefined);
        for (const other of others) sharer.share({ spec: other }, undefined);
        sharer.share(two, undefined);
        expect((two.spec as { deep: unknown[] }).deep[0]).toBe(one.spec);
      }),
    );
  });

  it("keeps what an update leaves as it was, although all is forgotten", () => {
    const object = (phase: string) => ({
      metadata: { labels: { app: "shop" }, resourceVersion: phase },
      spec: { containers: [{ name: "main", env: [{ name: "MODE", value: "production" }] }] },
      status: { phase },
    });
    const sharer = createSharer();
    const [old, fresh] = [object("Pending"), object("Running")];
    sharer.share(old, undefined);
    sharer.forget();
    sharer.share(fresh, old);
    expect(fresh).toEqual(object("Running"));
    expect(fresh.spec).toBe(old.spec);
    expect(fresh.metadata.labels).toBe(old.metadata.labels);
    expect(fresh.status).not.toBe(old.status);
  });

  it("lets alone what is no plain data", () => {
    class Point {
      x = 1;
    }
    const frozen = Object.freeze({ text: "a text of some length" });
    const make = () => ({ date: new Date(0), map: new Map(), point: new Point(), frozen });
    const sharer = createSharer();
    const [one, two]: [Item, Item] = [{ spec: make() }, { spec: make() }];
    sharer.share(one, undefined);
    sharer.share(two, one);
    expect(two.spec).toEqual(make());
    for (const field of ["date", "map", "point"] as const) {
      const part = (two.spec as ReturnType<typeof make>)[field];
      expect(part).not.toBe((one.spec as ReturnType<typeof make>)[field]);
      expect(Object.isFrozen(part)).toBe(false);
    }
  });

  it("takes objects as deep as an API server does", () => {
    const deep = () => JSON.parse(`${"[".repeat(10_000)}${"]".repeat(10_000)}`) as unknown;
    const sharer = createSharer();
    const [one, two]: [Item, Item] = [{ spec: deep() }, { spec: deep() }];
    sharer.share(one, undefined);
    sharer.share(two, one);
    let depth = 0;
    for (let part = two.spec; Array.isArray(part) && part.length > 0; part = part[0] as unknown) depth += 1;
    expect(depth).toBe(9999);
  });

  it("holds on to few parts, and to none when it forgets", { timeout: 2 * deadlineMs }, async () => {
    const sharer = createSharer();
    const count = 100_000;
    const share = (i: number): WeakRef<object> => {
      const object = { spec: { index: i, owner: `an owner with number ${i}` } };
      sharer.share(object, undefined);
      return new WeakRef(object.spec);
    };
    const parts = Array.from({ length: count }, (_, i) => share(i));
    const alive = () => {
      collectGarbage();
      return parts.filter((part) => part.deref() !== undefined).length;
    };
    const options = { timeout: deadlineMs, interval: 10 };
    await vi.waitFor(() => expect(alive()).toBeLessThan(17_000), options);
    expect(alive()).toBeGreaterThan(0);
    sharer.forget();
    await vi.waitFor(() => expect(alive()).toBe(0), options);
  });
});
