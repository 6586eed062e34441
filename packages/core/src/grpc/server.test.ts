import { existsSync } from "node:fs";
import { describe, expect, expectTypeOf, it } from "vitest";
import { Echo, test_secret } from "../../test/support/echo/gen/echo_pb.ts";
import { echoHandlers } from "../../test/support/echo/handlers.ts";
import { serveEcho, until } from "../../test/support/echo/serve-echo.ts";
import { KxError } from "../error.ts";
import { createMetrics } from "../metrics/index.ts";
import { collectingLogger, fakeClock } from "../testing/index.ts";
import { createGrpcClient, createGrpcServer, type Interceptor, type MethodHandlers } from "./index.ts";

async function failureOf(work: Promise<unknown>): Promise<KxError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!KxError.is(error)) throw new Error(`no KxError: ${String(error)}`);
  return error;
}

async function readAll<T>(stream: AsyncIterable<T>): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe("createGrpcServer", () => {
  it("serves each kind of method, 64-bit integers as bigints", async () => {
    await using echo = await serveEcho(echoHandlers());
    const { calls } = echo.client;
    expect(await calls.unary({ text: "hi", number: 2n ** 62n + 1n })).toMatchObject({
      text: "hi",
      number: 2n ** 62n + 1n,
      deadlineMs: 0n,
    });
    const counted: bigint[] = [];
    for await (const { number } of calls.count({ to: 3 })) counted.push(number);
    expect(counted).toEqual([1n, 2n, 3n]);
    expect((await calls.join([{ text: "a" }, { text: "b" }])).text).toBe("ab");
    const said: string[] = [];
    for await (const { text } of calls.chat([{ text: "a" }, { text: "b" }])) said.push(text);
    expect(said).toEqual(["A", "B"]);
  });

  it("answers UNIMPLEMENTED where neither handlers nor defaults have the method", async () => {
    await using echo = await serveEcho({});
    expect(await failureOf(echo.client.calls.unary({}))).toMatchObject({ code: "KX_GRPC_UNIMPLEMENTED" });
  });

  it("takes handlers from an instance of a class, and defaults for those it lacks", async () => {
    class Counter {
      #calls = 0n;
      unary() {
        this.#calls += 1n;
        return { number: this.#calls };
      }
    }
    const log = collectingLogger();
    await using echo = await serveEcho({}, { log });
    await using server = createGrpcServer({ log }).add(Echo, new Counter(), { defaults: echoHandlers() });
    const path = `${echo.path}2`;
    await server.listen(path);
    await using client = createGrpcClient(Echo, { path });
    await client.calls.unary({});
    expect((await client.calls.unary({})).number).toBe(2n);
    expect((await client.calls.join([{ text: "x" }])).text).toBe("x");
  });

  it("refuses a misspelt handler and a service added twice", () => {
    const server = createGrpcServer({ log: collectingLogger() });
    const misspelt = { unray: () => ({}) };
    expect(() => server.add(Echo, misspelt as object)).toThrow(/KX_GRPC_HANDLERS.*no method unray.*did you mean unary/);
    server.add(Echo, {});
    expect(() => server.add(Echo, {})).toThrow(/KX_GRPC_HANDLERS.*once/);
  });

  it("types handlers by the service", () => {
    type Handlers = MethodHandlers<typeof Echo>;
    type Request = Parameters<NonNullable<Handlers["unary"]>>[0];
    expectTypeOf<Request["number"]>().toEqualTypeOf<bigint>();
    expectTypeOf<() => { text: number }>().not.toExtend<NonNullable<Handlers["unary"]>>();
    expectTypeOf<() => { text: string }>().toExtend<NonNullable<Handlers["unary"]>>();
    expectTypeOf<() => AsyncGenerator<{ number: bigint }>>().toExtend<NonNullable<Handlers["count"]>>();
  });

  it("tells a handler of deadline, method and headers", async () => {
    const seen: unknown[] = [];
    await using echo = await serveEcho({
      unary(_, ctx) {
        seen.push(ctx.method, ctx.deadline, ctx.header("x-a"), ctx.header("x-b"));
        return {};
      },
    });
    const deadline = Date.now() + 60_000;
    await echo.client.calls.unary({}, { deadline, headers: { "x-a": "1" } });
    expect(seen).toEqual(["/kx.test.v1.Echo/Unary", expect.any(Number), "1", undefined]);
    expect(Math.abs(Number(seen[1]) - deadline)).toBeLessThan(5000);
    await echo.client.calls.unary({});
    expect(seen[5]).toBeUndefined();
  });
});

describe("a call that fails", () => {
  it("answers status and text of our errors, and nothing of others, which stand in the log", async () => {
    await using echo = await serveEcho(
      {
        unary({ text }) {
          if (text === "own") throw new KxError("KX_VOLUME_MISSING", "no volume v1", { remedy: "create it" });
          if (text === "async") return Promise.reject(new Error("credentials of eve"));
          if (text === "undefined") throw undefined;
          return { number: "seven" } as never;
        },
        // oxlint-disable-next-line require-yield
        async *count() {
          throw new Error("credentials of eve");
        },
        chat: () => 5 as never,
      },
      { statusTable: { KX_VOLUME_MISSING: "NOT_FOUND" } },
    );
    const { calls } = echo.client;
    expect(await failureOf(calls.unary({ text: "own" }))).toMatchObject({
      code: "KX_GRPC_NOT_FOUND",
      reason: expect.stringContaining("[KX_VOLUME_MISSING] no volume v1 (create it)"),
    });
    for (const text of ["async", "undefined", "bad"]) {
      expect(await failureOf(calls.unary({ text }))).toMatchObject({
        code: "KX_GRPC_INTERNAL",
        message: expect.not.stringContaining("eve"),
      });
    }
    for (const stream of [calls.count({}), calls.chat([])]) {
      expect(await failureOf(readAll(stream))).toMatchObject({
        code: "KX_GRPC_INTERNAL",
        message: expect.not.stringContaining("eve"),
      });
    }
    const warned = echo.log.lines.filter(({ message }) => message === "call failed");
    expect(warned.map(({ fields }) => fields["status"])).toEqual([
      "NOT_FOUND",
      "INTERNAL",
      "INTERNAL",
      "INTERNAL",
      "INTERNAL",
    ]);
    expect(echo.log.messages("warn").filter((message) => message === "response not sent")).toHaveLength(1);
    expect(warned[1]?.fields["err"]).toMatchObject({ message: "credentials of eve" });
    expect(await failureOf(calls.unary({ text: "own" }))).toMatchObject({ code: "KX_GRPC_NOT_FOUND" });
  });

  it("repeats no secret of its request, neither to the caller nor in the log", async () => {
    await using echo = await serveEcho(
      {
        unary({ secrets, token, nested }) {
          const said = `login ${secrets["user"]}:${secrets["pass"]} with ${token} ${nested?.password} failed`;
          throw new KxError("KX_GRPC_UNAUTHENTICATED", said, { cause: new Error(said), details: { said: [said] } });
        },
      },
      { secretOptions: [test_secret] },
    );
    const failure = await failureOf(
      echo.client.calls.unary({
        text: "shown",
        secrets: { user: "administrator", pass: "hunter2" },
        token: "t0ken",
        nested: { password: "deep-pw" },
      }),
    );
    expect(failure.reason).toContain("login [redacted]:[redacted] with [redacted] [redacted] failed");
    const logged = JSON.stringify(echo.log.lines, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
    expect(logged).toContain("shown");
    for (const secret of ["administrator", "hunter2", "t0ken", "deep-pw"]) {
      expect(`${failure.message} ${logged}`).not.toContain(secret);
    }
  });

  it("keeps its text within what trailers hold", async () => {
    await using echo = await serveEcho({
      unary() {
        throw new KxError("KX_GRPC_ABORTED", "ü".repeat(100_000));
      },
    });
    expect(await failureOf(echo.client.calls.unary({}))).toMatchObject({ code: "KX_GRPC_ABORTED" });
  });
});

describe("logging and metrics", () => {
  it("log each call, redacted, and measure it as CSI's sidecars do", async () => {
    const metrics = await createMetrics();
    await using echo = await serveEcho(echoHandlers(), {
      secretOptions: [test_secret],
      metrics: { metrics, prefix: "csi", labels: { driver_name: "d" } },
    });
    await echo.client.calls.unary({ text: "hi", secrets: { a: "hunter2" } });
    await failureOf(echo.client.calls.unary({ failWith: 5 }));
    for await (const { number } of echo.client.calls.count({ to: -1 })) if (number === 2n) break;
    await until(() => echo.log.messages("debug").length === 2, "the stream's line");
    expect(echo.log.lines.filter(({ level }) => level === "debug").map(({ fields }) => fields)).toEqual([
      {
        method: "/kx.test.v1.Echo/Unary",
        status: "OK",
        ms: expect.any(Number),
        request: { text: "hi", secrets: "[redacted]" },
        response: { text: "hi" },
      },
      {
        method: "/kx.test.v1.Echo/Count",
        status: "CANCELLED",
        ms: expect.any(Number),
        request: { to: -1 },
        response: undefined,
      },
    ]);
    const text = await metrics.text();
    const sample = (method: string, status: string) =>
      new RegExp(`csi_operations_seconds_count{[^}]*${method}[^}]*grpc_status_code="${status}"[^}]*} 1`);
    expect(text).toMatch(sample("/kx.test.v1.Echo/Unary", "OK"));
    expect(text).toMatch(sample("/kx.test.v1.Echo/Unary", "NotFound"));
    expect(text).toMatch(sample("/kx.test.v1.Echo/Count", "Canceled"));
    expect(text).toContain('driver_name="d"');
  });

  it("go around interceptors, which see each method once and each call", async () => {
    const seen: string[] = [];
    const note: Interceptor = (next, { name }) => {
      seen.push(`method ${name}`);
      return name === "Unary" ? (request, ctx) => (seen.push(`call ${ctx.method}`), next(request, ctx)) : next;
    };
    await using echo = await serveEcho(echoHandlers(), { interceptors: [note] });
    await echo.client.calls.unary({});
    await echo.client.calls.unary({});
    expect(seen).toEqual([
      "method Unary",
      "method Count",
      "method Join",
      "method Chat",
      "call /kx.test.v1.Echo/Unary",
      "call /kx.test.v1.Echo/Unary",
    ]);
  });
});

describe("stop", () => {
  it("lets calls at work finish, refuses new ones, and removes the socket", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    await using echo = await serveEcho({
      async unary(_, { signal }) {
        signals.push(signal);
        await released;
        return { text: "finished" };
      },
    });
    const call = echo.client.calls.unary({});
    await until(() => signals.length === 1, "the call");
    const stopping = echo.server.stop({ graceMs: 60_000 });
    await until(() => !existsSync(echo.path), "the socket's end");
    expect(await failureOf(echo.client.calls.unary({}))).toMatchObject({ code: "KX_GRPC_UNAVAILABLE" });
    expect(signals[0]?.aborted).toBe(false);
    release();
    expect((await call).text).toBe("finished");
    expect(await stopping).toEqual({ unfinished: [] });
    await expect(echo.server.listen(echo.path)).rejects.toMatchObject({ code: "KX_GRPC_STOPPED" });
  });

  it("ends streams at once", async () => {
    await using echo = await serveEcho({
      async *count(_, { signal }) {
        yield { number: 1n };
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        yield { number: 2n };
      },
    });
    const numbers: bigint[] = [];
    const reading = (async () => {
      for await (const { number } of echo.client.calls.count({})) numbers.push(number);
    })();
    await until(() => numbers.length === 1, "the first number");
    expect(await echo.server.stop({ graceMs: 60_000 })).toEqual({ unfinished: [] });
    await reading;
    expect(numbers).toEqual([1n, 2n]);
  });

  it("answers UNAVAILABLE for handlers that never end, within its bound, and names them", async () => {
    const clock = fakeClock();
    let signal: AbortSignal | undefined;
    await using echo = await serveEcho(
      {
        unary: (_, ctx) => {
          signal = ctx.signal;
          return new Promise(() => undefined);
        },
        count: async function* () {
          yield { number: 1n };
          await new Promise(() => undefined);
        },
      },
      { clock },
    );
    const calls = [failureOf(echo.client.calls.unary({})), failureOf(readAll(echo.client.calls.count({})))];
    await until(() => signal !== undefined, "the call");
    await until(() => echo.log.lines.length >= 1, "the start");
    const stopping = echo.server.stop({ graceMs: 5000 });
    await clock.untilSleeping();
    await clock.advance(4999);
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);
    for (const failure of await Promise.all(calls)) expect(failure).toMatchObject({ code: "KX_GRPC_UNAVAILABLE" });
    expect(signal?.aborted).toBe(true);
    const { unfinished } = await stopping;
    expect(unfinished.toSorted()).toEqual(["/kx.test.v1.Echo/Count", "/kx.test.v1.Echo/Unary"]);
    expect(echo.log.messages("warn")).toContain("calls did not finish in time");
  });
});
