import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectingLogger, fakeClock } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { type ScriptedApi, type ScriptedWatch, scriptedApi } from "../../test/support/scripted-api.ts";
import { ConfigMap } from "../api/gen/core-v1.ts";
import {
  type ControllerDefinition,
  defineController,
  type ReconcileContext,
  type ReconcileRequest,
} from "./define-controller.ts";
import { generationChanged } from "./predicates.ts";
import { done, type Result, requeueAfter, terminal } from "./result.ts";
import { watch } from "./watched.ts";

const configMap = (name: string, version: number, extra: object = {}) => ({
  metadata: { name, namespace: "ns", uid: `uid-${name}`, resourceVersion: String(version), ...extra },
});

/** Runs a controller for config maps; every reconcile waits until the test answers it. */
async function rig(options: Partial<ControllerDefinition<ConfigMap>> = {}, first: readonly string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), "kx-controller-"));
  const api: ScriptedApi = await scriptedApi();
  api.list = () => ({ body: { metadata: { resourceVersion: "1" }, items: first.map((name) => configMap(name, 1)) } });
  const kubeconfig = join(folder, "config");
  await writeFile(
    kubeconfig,
    JSON.stringify({
      "current-context": "x",
      contexts: [{ name: "x", context: { cluster: "x" } }],
      clusters: [{ name: "x", cluster: { server: api.url } }],
    }),
  );

  interface Call extends ReconcileRequest<ConfigMap> {
    readonly ctx: ReconcileContext;
    readonly answer: (result: Result | Error) => void;
  }
  const calls: Call[] = [];
  const waiting: ((call: Call) => void)[] = [];
  const controller = defineController({
    name: "test",
    for: ConfigMap,
    reconcile: (request, ctx) =>
      new Promise<Result>((resolve, reject) => {
        const call = { ...request, ctx, answer: (r: Result | Error) => (r instanceof Error ? reject(r) : resolve(r)) };
        const waiter = waiting.shift();
        if (waiter === undefined) calls.push(call);
        else waiter(call);
      }),
    ...options,
  });
  const clock = fakeClock();
  const log = collectingLogger();
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  for (const part of controller.parts({ role: "controller", log, clock, kubeconfig })) {
    await new Promise<void>((ready, failed) => {
      const run = part.start(stop.signal, ready);
      run.catch(failed);
      running.push(run);
    });
  }
  const firstWatch: ScriptedWatch = await api.nextWatch();
  return {
    api,
    controller,
    stop,
    clock,
    log,
    watch: firstWatch,
    calls,
    /** Resolves when what came by the watch has been dealt with so far that the condition holds. */
    settled: async (holds: () => boolean): Promise<void> => {
      while (!holds()) await new Promise((resolve) => setImmediate(resolve));
    },
    nextCall: (): Promise<Call> => {
      const call = calls.shift();
      return call === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(call);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(running);
      await api[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

describe("a running controller", () => {
  it("reconciles what exists, what changes, and what is deleted", async () => {
    await using t = await rig({}, ["a"]);
    const first = await t.nextCall();
    expect(first).toMatchObject({ key: "ns/a", ref: { namespace: "ns", name: "a" }, object: configMap("a", 1) });
    first.answer(done);
    t.watch.send("DELETED", configMap("a", 2));
    const second = await t.nextCall();
    expect(second).toMatchObject({ key: "ns/a", object: undefined });
    second.answer(done);
  });

  it("tries again with growing waits after a failure", async () => {
    await using t = await rig({}, ["a"]);
    for (const waitMs of [5, 10, 20]) {
      (await t.nextCall()).answer(new Error("boom"));
      await t.clock.untilSleeping();
      await t.clock.advance(waitMs - 1);
      expect(t.calls).toEqual([]);
      await t.clock.advance(1);
    }
    (await t.nextCall()).answer(done);
    t.watch.send("MODIFIED", configMap("a", 2));
    (await t.nextCall()).answer(new Error("boom again"));
    await t.clock.untilSleeping();
    await t.clock.advance(5);
    (await t.nextCall()).answer(done);
    expect(t.log.messages("error")).toEqual(Array.from({ length: 4 }, () => "reconcile failed, trying again"));
  });

  it("comes back after the time asked for", async () => {
    await using t = await rig({}, ["a"]);
    (await t.nextCall()).answer(requeueAfter(60_000));
    await t.clock.untilSleeping();
    await t.clock.advance(60_000);
    (await t.nextCall()).answer(done);
  });

  it("has no two workers on one object, but on different ones", async () => {
    await using t = await rig({ concurrency: 2 }, ["a"]);
    const first = await t.nextCall();
    t.watch.send("MODIFIED", configMap("a", 2));
    t.watch.send("ADDED", configMap("b", 3));
    const second = await t.nextCall();
    expect([first.key, second.key]).toEqual(["ns/a", "ns/b"]);
    second.answer(done);
    first.answer(done);
    const third = await t.nextCall();
    expect(third.object?.metadata.resourceVersion).toBe("2");
    third.answer(done);
  });

  it("reconciles every object at each resync", async () => {
    await using t = await rig({ resyncMs: 30_000 }, ["a"]);
    (await t.nextCall()).answer(done);
    await t.clock.untilSleeping();
    await t.clock.advance(30_000);
    (await t.nextCall()).answer(done);
  });

  it("leaves an object alone after a terminal error, until it changes", async () => {
    await using t = await rig({}, ["a"]);
    (await t.nextCall()).answer(terminal("the size can never be right"));
    t.watch.send("MODIFIED", configMap("a", 2));
    (await t.nextCall()).answer(done);
    expect(t.log.messages("error")).toEqual(["reconcile failed for good, waiting for a change"]);
    expect(t.clock.sleepers).toBe(0);
  });

  it("outlives a reconcile that throws at once, throws nothing of worth, or returns no result", async () => {
    let call = 0;
    const calls: string[] = [];
    await using t = await rig({
      reconcile: ({ key }) => {
        calls.push(key);
        call += 1;
        if (call === 1) throw new TypeError("boom");
        if (call === 2) return Promise.reject(undefined);
        if (call === 3) return Promise.resolve(undefined as unknown as Result);
        return Promise.resolve(done);
      },
    });
    t.watch.send("ADDED", configMap("a", 2));
    for (const waitMs of [5, 10, 20]) {
      await t.clock.untilSleeping();
      await t.clock.advance(waitMs);
    }
    expect(calls).toHaveLength(4);
    expect(String(t.log.lines.at(-1)?.fields["err"])).toContain("KX_CONTROLLER_RESULT");
  });

  it("tells a reconcile when its time is up, and tries again", async () => {
    await using t = await rig({ reconcileTimeoutMs: 1000 }, ["a"]);
    const call = await t.nextCall();
    expect(call.ctx.deadline).toBe(t.clock.now() + 1000);
    await t.clock.advance(1000);
    expect(call.ctx.signal.reason).toMatchObject({ code: "KX_CONTROLLER_TIMEOUT" });
    call.answer(call.ctx.signal.reason as Error);
    await t.clock.untilSleeping();
    await t.clock.advance(5);
    (await t.nextCall()).answer(done);
  });

  it("lets a reconcile finish after the stop, with a bound, and begins no other", async () => {
    await using t = await rig({ drainMs: 3000 }, ["a", "b"]);
    const call = await t.nextCall();
    t.stop.abort();
    await t.clock.untilSleeping();
    await t.clock.advance(2999);
    expect(call.ctx.signal.aborted).toBe(false);
    await t.clock.advance(1);
    expect(call.ctx.signal.aborted).toBe(true);
    call.answer(done);
    await t.clock.advance(1);
    expect(t.calls).toEqual([]);
  });

  it("asks predicates about changes, but not about resyncs, and takes one that fails for passed", async () => {
    await using t = await rig({
      resyncMs: 30_000,
      predicates: [
        generationChanged,
        (change) => {
          if (change.object.metadata.labels?.["bug"] !== undefined) throw new Error("predicate bug");
          return true;
        },
      ],
    });
    t.watch.send("ADDED", configMap("a", 2));
    (await t.nextCall()).answer(done);
    t.watch.send("MODIFIED", configMap("a", 3));
    t.watch.send("MODIFIED", configMap("a", 4, { generation: 2, labels: { bug: "yes" } }));
    const call = await t.nextCall();
    expect(call.object?.metadata.resourceVersion).toBe("4");
    call.answer(done);
    expect(t.log.messages("error")).toEqual(["predicate failed, taking the change as passed"]);
    await t.clock.untilSleeping();
    await t.clock.advance(30_000);
    (await t.nextCall()).answer(done);
  });

  it("reconciles what the map of a watched resource names, before and after the change", async () => {
    const byLabel = watch(ConfigMap, {
      select: { labelSelector: "role=config" },
      map: (object) => [{ namespace: "ns", name: object.metadata.labels?.["for"] ?? "none" }],
    });
    await using t = await rig({ watches: [byLabel] });
    const watched = await t.api.nextWatch();
    const selectors = [t.watch, watched].map((one) => one.query.get("labelSelector"));
    expect(new Set(selectors)).toEqual(new Set([null, "role=config"]));
    const source = watched.query.get("labelSelector") === null ? t.watch : watched;
    source.send("ADDED", configMap("c", 2, { labels: { for: "x" } }));
    const first = await t.nextCall();
    expect(first.key).toBe("ns/x");
    first.answer(done);
    source.send("MODIFIED", configMap("c", 3, { labels: { for: "y" } }));
    const keys = [];
    for (let i = 0; i < 2; i++) {
      const call = await t.nextCall();
      keys.push(call.key);
      call.answer(done);
    }
    expect(keys.toSorted()).toEqual(["ns/x", "ns/y"]);
  });

  it("gives new changes precedence over what was there at the start", async () => {
    await using t = await rig({}, ["old-1", "old-2", "old-3"]);
    const first = await t.nextCall();
    t.watch.send("ADDED", configMap("new", 5));
    t.watch.send("MODIFIED", configMap("old-3", 6));
    t.watch.send("ADDED", configMap("last", 7));
    await t.settled(() =>
      t.controller.metrics().some(({ name, samples }) => name.endsWith("adds_total") && samples[0]?.value === 5),
    );
    first.answer(done);
    const keys = [];
    for (let i = 0; i < 4; i++) {
      const call = await t.nextCall();
      keys.push(call.key);
      call.answer(done);
    }
    expect([first.key, ...keys]).toEqual(["ns/old-1", "ns/new", "ns/old-3", "ns/last", "ns/old-2"]);
  });
});
