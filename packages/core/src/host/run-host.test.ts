import { describe, expect, it } from "vitest";
import type { Extension, Runnable, RunnableGroup } from "../extension.ts";
import { collectingLogger, fakeClock } from "../testing/index.ts";
import { type HealthRequest, type RunHostOptions, runHost } from "./index.ts";

const groups: RunnableGroup[] = ["health", "server", "cache", "worker", "leader"];

function extensionOf(name: string, runnables: readonly Runnable[]): Extension {
  return { kx: 1, kind: "controller", name, version: "1", parts: () => runnables, manifests: () => [] };
}

/** A runnable that is ready at once and stops as asked, noting both. */
function good(name: string, group: RunnableGroup, events: string[]): Runnable {
  return {
    name,
    group,
    async start(signal, ready) {
      events.push(`start ${name}`);
      ready();
      await aborted(signal);
      events.push(`stop ${name}`);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function host(extensions: readonly Extension[], more: Partial<RunHostOptions> = {}) {
  const clock = fakeClock();
  const log = collectingLogger();
  const running = await runHost({ role: "node", extensions, log, clock, backoff: { random: () => 0 }, ...more });
  return { clock, log, running };
}

async function get(url: string): Promise<{ status: number; body: string }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.text() };
}

const never = () => new Promise<void>(() => undefined);

describe("runHost", () => {
  it("starts groups in order, whatever order they are named in, and stops in reverse", async () => {
    const events: string[] = [];
    const mixed = groups.toReversed().map((group) => good(group, group, events));
    const { running } = await host([extensionOf("a", mixed)]);
    await running.ready;
    expect(events).toEqual(groups.map((group) => `start ${group}`));
    expect(await running.stop()).toEqual({ unstopped: [] });
    expect(events.slice(5)).toEqual(groups.toReversed().map((group) => `stop ${group}`));
  });

  it("waits with a group until all of the groups before it are ready", async () => {
    const events: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const cache: Runnable = {
      name: "cache",
      group: "cache",
      async start(signal, ready) {
        await promise;
        events.push("synced");
        ready();
        await aborted(signal);
      },
    };
    const { running, clock } = await host([extensionOf("a", [cache]), extensionOf("b", [good("b", "worker", events)])]);
    await clock.advance(1000);
    expect(events).toEqual([]);
    resolve();
    await running.ready;
    expect(events).toEqual(["synced", "start b"]);
    await running.stop();
  });

  it("goes on for others after a bound, says so, and never for the extension that is not ready", async () => {
    const events: string[] = [];
    const stuck: Runnable = { name: "cache", group: "cache", start: (signal) => aborted(signal) };
    const { running, clock, log } = await host(
      [extensionOf("a", [stuck, good("of a", "worker", events)]), extensionOf("b", [good("of b", "worker", events)])],
      { readyTimeoutMs: 5000 },
    );
    await clock.advance(4999);
    expect(events).toEqual([]);
    await clock.advance(1);
    expect(events).toEqual(["start of b"]);
    expect(log.lines.find((line) => line.level === "warn")?.fields).toMatchObject({ notReady: ["a/cache"] });
    expect(await running.stop()).toEqual({ unstopped: [] });
    expect(events).toEqual(["start of b", "stop of b"]);
  });

  it("restarts a runnable that threw and then returned early, with growing waits, and leaves others alone", async () => {
    const events: string[] = [];
    const lives: AbortSignal[] = [];
    const flaky: Runnable = {
      name: "flaky",
      async start(signal, ready) {
        lives.push(signal);
        if (lives.length === 1) throw new Error("first");
        ready();
        if (lives.length === 2) return;
        await aborted(signal);
      },
    };
    const { running, clock, log } = await host([
      extensionOf("a", [flaky]),
      extensionOf("b", [good("b", "worker", events)]),
    ]);
    await clock.advance(249);
    expect(lives).toHaveLength(1);
    await clock.advance(1);
    expect(lives).toHaveLength(2);
    await clock.advance(500);
    expect(lives).toHaveLength(3);
    expect(lives.map((signal) => signal.aborted)).toEqual([true, true, false]);
    const failures = log.lines.filter((line) => line.message === "runnable failed").map((line) => line.fields);
    expect(failures).toEqual([
      { extension: "a", runnable: "flaky", err: new Error("first"), failures: 1, restartInMs: 250 },
      {
        extension: "a",
        runnable: "flaky",
        err: expect.objectContaining({ code: "KX_HOST_RUNNABLE_RETURNED" }),
        failures: 2,
        restartInMs: 500,
      },
    ]);
    await running.stop();
    expect(events).toEqual(["start b", "stop b"]);
  });

  it("waits briefly again after a runnable that ran well for long", async () => {
    let lives = 0;
    const mortal: Runnable = {
      name: "mortal",
      async start(signal, ready) {
        ready();
        if (++lives > 5) await clock.sleep(60_000, signal);
        throw new Error("done for");
      },
    };
    const { running, clock, log } = await host([extensionOf("a", [mortal])]);
    await clock.advance(20_000);
    await clock.advance(60_000);
    const waits = log.lines.filter((line) => line.level === "error").map((line) => line.fields["restartInMs"]);
    expect(waits.slice(0, 6)).toEqual([250, 500, 1000, 2000, 4000, 250]);
    await running.stop();
  });

  it("gives up on a runnable that ignores the abort, names it, and still stops the others", async () => {
    const events: string[] = [];
    const deaf: Runnable = {
      name: "deaf",
      group: "worker",
      async start(_, ready) {
        ready();
        await never();
      },
    };
    const { running, clock, log } = await host([extensionOf("a", [deaf, good("server", "server", events)])], {
      stopTimeoutMs: 3000,
    });
    await running.ready;
    const stopped = running.stop();
    await clock.advance(2999);
    expect(events).toEqual(["start server"]);
    await clock.advance(1);
    expect(await stopped).toEqual({ unstopped: ["a/deaf"] });
    expect(events).toEqual(["start server", "stop server"]);
    expect(log.messages("warn")).toEqual(["runnables did not stop in time"]);
  });

  it("stops while it is still starting, and at once in a back-off", async () => {
    const events: string[] = [];
    const broken: Runnable = { name: "broken", group: "server", start: () => Promise.reject(new Error("no")) };
    const { running, clock } = await host([extensionOf("a", [broken, good("later", "worker", events)])]);
    await clock.advance(1);
    expect(await running.stop()).toEqual({ unstopped: [] });
    expect(events).toEqual([]);
    expect(clock.sleepers).toBe(0);
  });

  it("stops when its signal aborts, is disposable, and stops once", async () => {
    const events: string[] = [];
    const controller = new AbortController();
    const { running } = await host([extensionOf("a", [good("w", "worker", events)])], { signal: controller.signal });
    await running.ready;
    controller.abort();
    await running.done;
    await running[Symbol.asyncDispose]();
    expect(events).toEqual(["start w", "stop w"]);
  });

  it("runs with no runnable at all, until it is stopped", async () => {
    const { running } = await host([]);
    await running.ready;
    await running.stop();
  });

  it("gives each extension the host's role, node name and kubeconfig", async () => {
    let seen: unknown;
    const curious: Extension = {
      ...extensionOf("a", []),
      parts: (env) => {
        seen = { role: env.role, nodeName: env.nodeName, kubeconfig: env.kubeconfig };
        return [];
      },
    };
    const { running } = await host([curious], { nodeName: "n1", kubeconfig: "/etc/kc" });
    expect(seen).toEqual({ role: "node", nodeName: "n1", kubeconfig: "/etc/kc" });
    await running.stop();
  });

  it("refuses twins and an extension without parts, before anything runs", async () => {
    const events: string[] = [];
    const fine = extensionOf("a", [good("w", "worker", events)]);
    await expect(host([fine, fine])).rejects.toMatchObject({ code: "KX_HOST_EXTENSION_TWICE" });
    const broken: Extension = {
      ...extensionOf("b", []),
      parts: () => {
        throw new Error("no node name");
      },
    };
    await expect(host([fine, broken])).rejects.toThrow(/^\[KX_HOST_PARTS\] extension b .*node.*no node name/);
    expect(events).toEqual([]);
  });
});

describe("health", () => {
  it("is alive throughout, and ready only when all are; the body names who is not", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const late: Runnable = {
      name: "late",
      async start(signal, ready) {
        await promise;
        ready();
        await aborted(signal);
      },
    };
    const { running } = await host([extensionOf("a", [late, good("w", "worker", [])])], { health: { port: 0 } });
    const url = running.healthUrl ?? "";
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await get(`${url}/healthz`)).toEqual({ status: 200, body: "ok\n" });
    expect(await get(`${url}/readyz`)).toEqual({ status: 503, body: "not ready:\na/late\n" });
    resolve();
    await running.ready;
    expect(await get(`${url}/readyz?verbose`)).toEqual({ status: 200, body: "ok\n" });
    expect((await get(`${url}/metrics`)).status).toBe(404);
    expect((await fetch(`${url}/healthz`, { method: "POST" })).status).toBe(405);
    await running.stop();
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  it("is not ready again from a failure until the restart serves; a life that is over cannot say otherwise", async () => {
    const lives: { fail: (error: Error) => void; ready: () => void }[] = [];
    const flaky: Runnable = {
      name: "flaky",
      start: (signal, ready) =>
        new Promise((resolve, reject) => {
          lives.push({ fail: reject, ready });
          signal.addEventListener("abort", () => resolve(), { once: true });
        }),
    };
    const { running, clock } = await host([extensionOf("a", [flaky])], { health: { port: 0 } });
    const isReady = async () => (await get(`${running.healthUrl}/readyz`)).status === 200;
    await clock.advance(0);
    lives[0]?.ready();
    expect(await isReady()).toBe(true);
    lives[0]?.fail(new Error("broken"));
    expect(await isReady()).toBe(false);
    lives[0]?.ready();
    expect(await isReady()).toBe(false);
    await clock.advance(250);
    lives[1]?.ready();
    expect(await isReady()).toBe(true);
    await running.stop();
  });

  it("is not ready while it stops", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow: Runnable = {
      name: "slow",
      async start(signal, ready) {
        ready();
        await aborted(signal);
        await promise;
      },
    };
    const { running } = await host([extensionOf("a", [slow])], { health: { port: 0 } });
    await running.ready;
    const stopped = running.stop();
    expect(await get(`${running.healthUrl}/readyz`)).toEqual({
      status: 503,
      body: "not ready:\nthe host is stopping\n",
    });
    resolve();
    await stopped;
  });

  it("takes a runnable with any properties of its own for what it is", async () => {
    const own = { ...good("w", "worker", []), child: { pid: 1 } };
    const { running } = await host([extensionOf("a", [own])]);
    await running.ready;
    expect(running.status()).toMatchObject([{ isReady: true, runnables: [{ name: "a/w" }] }]);
    await running.stop();
  });

  it("tells what extensions do, and failures without secrets", async () => {
    const broken: Runnable = { name: "broken", start: () => Promise.reject(new Error("Bearer abcdefghijkl refused")) };
    const { running, clock } = await host([extensionOf("a", [broken])], { health: { port: 0 } });
    await clock.advance(250);
    const { body } = await get(`${running.healthUrl}/extensions`);
    expect(JSON.parse(body)).toEqual({
      extensions: [
        {
          name: "a",
          version: "1",
          kind: "controller",
          isolation: "shared",
          isReady: false,
          runnables: [
            { name: "a/broken", group: "worker", isReady: false, restarts: 1, lastFailure: expect.any(String) },
          ],
        },
      ],
    });
    expect(body).not.toContain("abcdefghijkl");
    await running.stop();
  });

  it("answers 401, 403 and 500 as those who ask are judged, and shows them nothing", async () => {
    const verdicts = { good: "allowed", other: "forbidden" } as const;
    const authorize = async ({ token, path, method }: HealthRequest) => {
      expect([method, path]).toEqual(["GET", "/healthz"]);
      if (token === "bad") throw new Error("secret reason");
      return token === "good" || token === "other" ? verdicts[token] : "unknown";
    };
    const { running } = await host([], { health: { port: 0, authorize } });
    const statusFor = async (authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      const response = await fetch(`${running.healthUrl}/healthz`, { headers });
      return [response.status, await response.text()];
    };
    expect(await statusFor("Bearer good")).toEqual([200, "ok\n"]);
    expect(await statusFor("Bearer other")).toEqual([403, "forbidden\n"]);
    expect(await statusFor("Basic good")).toEqual([401, "unauthorized\n"]);
    expect(await statusFor()).toEqual([401, "unauthorized\n"]);
    expect(await statusFor("Bearer bad")).toEqual([500, "internal error\n"]);
    await running.stop();
  });

  it("refuses an address that others reach, and a port in use", async () => {
    await expect(host([], { health: { host: "0.0.0.0", port: 0 } })).rejects.toMatchObject({
      code: "KX_HOST_HEALTH_ADDRESS",
    });
    const { running } = await host([], { health: { port: 0 } });
    const port = Number(new URL(running.healthUrl ?? "").port);
    await expect(host([], { health: { port } })).rejects.toThrow(/KX_HOST_HEALTH_LISTEN.*EADDRINUSE/);
    await running.stop();
  });
});
