import type { Extension, HostEnv, Runnable } from "@kx/core";
import { describe, expect, it } from "vitest";
import { gated, whenServed } from "./gated.ts";

function lab(standsAside: boolean) {
  const happened: string[] = [];
  const way = Promise.withResolvers<void>();
  const part = (name: string, group: "cache" | "leader"): Runnable => ({
    name,
    group,
    async start(signal, ready) {
      happened.push(`${name} starts`);
      ready();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
  });
  const gate = async (_: AbortSignal, standAside: () => void) => {
    if (standsAside) standAside();
    await way.promise;
  };
  const parts = gated(gate, [part("workers", "leader"), part("cache", "cache")]);
  const stop = new AbortController();
  const ready: string[] = [];
  const start = (index: number) => {
    const one = parts[index];
    return one?.start(stop.signal, () => void ready.push(one.name)) ?? Promise.reject(new Error(`no part ${index}`));
  };
  return { happened, ready, way, stop, start };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("parts behind a gate", () => {
  it("stand ready while it is shut, and start cache first when it opens", async () => {
    const { happened, ready, way, stop, start } = lab(true);
    const running = [0, 1, 2].map((index) => start(index));
    await turn();
    expect(ready.toSorted()).toEqual(["cache", "way", "workers"]);
    expect(happened).toEqual([]);
    way.resolve();
    await turn();
    expect(happened).toEqual(["cache starts", "workers starts"]);
    stop.abort();
    await Promise.all(running);
  });

  it("are ready no sooner than they are, where the way is clear at once", async () => {
    const { happened, ready, way, stop, start } = lab(false);
    const gate = start(0);
    await turn();
    expect(ready).toEqual([]);
    way.resolve();
    await turn();
    const running = [gate, start(2), start(1)];
    await turn();
    expect(ready).toEqual(["way", "cache", "workers"]);
    expect(happened).toEqual(["cache starts", "workers starts"]);
    stop.abort();
    await Promise.all(running);
  });

  it("end with their host though it never opens", async () => {
    const { happened, stop, start } = lab(true);
    const running = [start(1), start(2)];
    stop.abort();
    await Promise.all(running);
    expect(happened).toEqual([]);
  });
});

it("whenServed: a host need not wait for a cache, and workers do", async () => {
  const happened: string[] = [];
  const served = Promise.withResolvers<void>();
  const parts: readonly Runnable[] = [
    {
      name: "workers",
      group: "leader",
      start: async () => void happened.push("workers start"),
    },
    {
      name: "cache",
      group: "cache",
      async start(_, ready) {
        await served.promise;
        happened.push("cache is filled");
        ready();
      },
    },
  ];
  const extension: Extension = {
    kx: 1,
    kind: "controller",
    name: "waits",
    version: "0.0.0",
    parts: () => parts,
    manifests: () => [],
  };
  const stop = new AbortController();
  const ready: string[] = [];
  const running = whenServed(extension)
    .parts({} as HostEnv)
    .map((part) => part.start(stop.signal, () => void ready.push(part.name)));
  await turn();
  expect(ready).toEqual(["workers", "cache"]);
  expect(happened).toEqual([]);
  served.resolve();
  await Promise.all(running);
  expect(happened).toEqual(["cache is filled", "workers start"]);
});
