import { describe, expect, it } from "vitest";
import { KxError } from "../error.ts";
import type { Runnable } from "../extension.ts";
import { collectingLogger, fakeClock } from "../testing/index.ts";
import { type MainIo, runHost, runMain } from "./index.ts";

function fakeIo() {
  const seen = { out: "", err: "", codes: [] as number[], listeners: new Set<(name: string) => void>() };
  const io: MainIo = {
    args: ["--a"],
    env: {},
    stdout: (text) => void (seen.out += text),
    stderr: (text) => void (seen.err += text),
    onSignal: (listener) => {
      seen.listeners.add(listener);
      return () => seen.listeners.delete(listener);
    },
    exit: (code) => void seen.codes.push(code),
  };
  const kill = (name: string) => {
    for (const listener of seen.listeners) listener(name);
  };
  return { io, seen, kill };
}

function hostOf(runnable: Runnable, signal: AbortSignal) {
  const clock = fakeClock();
  const parts = () => [runnable];
  const extension = { kx: 1, kind: "controller", name: "a", version: "1", parts, manifests: () => [] } as const;
  const running = runHost({ role: "node", extensions: [extension], log: collectingLogger(), clock, signal });
  return { running, clock };
}

describe("runMain", () => {
  it("drains at the first signal and exits 0", async () => {
    const { io, seen, kill } = fakeIo();
    let drained = false;
    const runnable: Runnable = {
      name: "r",
      async start(stop, ready) {
        ready();
        queueMicrotask(() => kill("SIGTERM"));
        await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
        drained = true;
      },
    };
    const main = runMain(({ signal }) => hostOf(runnable, signal).running, io);
    await main;
    expect(drained).toBe(true);
    expect(seen.codes).toEqual([0]);
    expect(seen.listeners.size).toBe(0);
  });

  it("exits 1 at the second signal, without waiting, and 1 if something did not stop", async () => {
    const { io, seen, kill } = fakeIo();
    const started = Promise.withResolvers<() => Promise<void>>();
    const main = runMain(({ signal }) => {
      const { running, clock } = hostOf({ name: "deaf", start: () => new Promise<void>(() => undefined) }, signal);
      started.resolve(() => clock.advance(60_000));
      return running;
    }, io);
    const waitLong = await started.promise;
    kill("SIGINT");
    expect(seen.codes).toEqual([]);
    kill("SIGINT");
    expect(seen.codes).toEqual([1]);
    await waitLong();
    await main;
    expect(seen.codes).toEqual([1, 1]);
  });

  it("exits 0 after help, and gives arguments on", async () => {
    const { io, seen } = fakeIo();
    await runMain(async ({ args, print }) => {
      print(`help for ${args.join()}\n`);
      return undefined;
    }, io);
    expect(seen).toMatchObject({ out: "help for --a\n", codes: [0], err: "" });
  });

  it.each([
    [
      new KxError("KX_CONFIG_FLAG", "unknown flag --x", { remedy: "see --help" }),
      2,
      /^error: \[KX_CONFIG_FLAG\] unknown flag --x \(see --help\)\n$/,
    ],
    [
      new KxError("KX_HOST_PARTS", "no", { cause: new Error("token=abcdefgh") }),
      1,
      /\n {2}caused by: token=\[redacted\]\n$/,
    ],
    [new TypeError("a bug"), 1, /^error: a bug\n[\s\S]*run-main\.test/],
  ])("tells %s and exits", async (error, code, text) => {
    const { io, seen } = fakeIo();
    await runMain(() => Promise.reject(error), io);
    expect(seen.codes).toEqual([code]);
    expect(seen.err).toMatch(text);
  });
});
