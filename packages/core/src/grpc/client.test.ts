import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, expectTypeOf, it } from "vitest";
import { Echo } from "../../test/support/echo/gen/echo_pb.ts";
import { echoHandlers } from "../../test/support/echo/handlers.ts";
import { serveEcho, until } from "../../test/support/echo/serve-echo.ts";
import { collectingLogger } from "../testing/index.ts";
import { type ClientInterceptor, createGrpcClient, createGrpcServer } from "./index.ts";

describe("createGrpcClient", () => {
  it("types its calls by the service", () => {
    const { calls } = createGrpcClient(Echo, { path: "/run/x.sock" });
    expectTypeOf(calls.unary).returns.resolves.toHaveProperty("number").toEqualTypeOf<bigint>();
    expectTypeOf(calls.count).returns.toExtend<AsyncIterable<{ number: bigint }>>();
    expectTypeOf(calls.unary).parameter(0).toExtend<{ text?: string | undefined }>();
  });

  it("fails with the server's path while nobody serves it, waits if asked to, and comes back after a restart", async () => {
    await using echo = await serveEcho(echoHandlers(), { client: { maxBackoffMs: 100 } });
    const { calls } = echo.client;
    await calls.unary({});
    await echo.server.stop();
    await expect(calls.unary({})).rejects.toMatchObject({
      code: "KX_GRPC_UNAVAILABLE",
      retryable: true,
      message: expect.stringContaining(echo.path),
    });
    const waiting = calls.unary({ text: "patient" }, { waitForReady: true, timeoutMs: 20_000 });
    await using again = createGrpcServer({ log: collectingLogger() }).add(Echo, echoHandlers());
    await again.listen(echo.path);
    expect((await waiting).text).toBe("patient");
    await expect(calls.unary({}, { waitForReady: true, timeoutMs: 20_000 })).resolves.toBeDefined();
  });

  it("cancels by signal and by leaving a stream, which the handler's callSignal tells, and by its deadline", async () => {
    const gone: string[] = [];
    await using echo = await serveEcho(echoHandlers((code) => gone.push(code)));
    const { calls } = echo.client;
    const stop = new AbortController();
    const hanging = calls.unary({ hang: true }, { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(hanging).rejects.toMatchObject({ code: "KX_GRPC_CANCELLED", cause: { message: "enough" } });
    await expect(calls.unary({}, { signal: stop.signal })).rejects.toMatchObject({ code: "KX_GRPC_CANCELLED" });
    await expect(calls.unary({ hang: true }, { timeoutMs: 50 })).rejects.toMatchObject({
      code: "KX_GRPC_DEADLINE_EXCEEDED",
    });
    await expect(calls.unary({ hang: true }, { deadline: Date.now() - 1 })).rejects.toMatchObject({
      code: "KX_GRPC_DEADLINE_EXCEEDED",
    });
    for await (const { number } of calls.count({ to: -1 })) if (number === 2n) break;
    for (const code of ["KX_GRPC_DEADLINE_EXCEEDED", "KX_GRPC_CANCELLED"]) {
      await until(() => gone.includes(code), `${code} in ${gone.join()}`);
    }
  });

  it("ends the streams that it reads when it closes", async () => {
    const gone: string[] = [];
    await using echo = await serveEcho(echoHandlers((code) => gone.push(code)));
    const reading = echo.client.calls.count({ to: -1 })[Symbol.asyncIterator]();
    await reading.next();
    echo.client.close();
    await until(() => gone.length === 1, "the handler to hear of it");
  });

  it("fails with what its caller's stream of requests threw, and cancels the call", async () => {
    await using echo = await serveEcho(echoHandlers());
    async function* broken() {
      yield { text: "a" };
      throw new Error("no more");
    }
    await expect(echo.client.calls.join(broken())).rejects.toThrow("no more");
    await expect(echo.client.calls.join({} as never)).rejects.toThrow(TypeError);
    await expect(
      (async () => {
        for await (const { text } of echo.client.calls.chat(broken())) expect(text).toBe("A");
      })(),
    ).rejects.toThrow("no more");
  });

  it("tells its caller's stream of requests that the call is over", async () => {
    await using echo = await serveEcho({ join: () => ({ text: "enough" }) });
    let isTold = false;
    const endless: AsyncIterable<{ text: string }> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: async () => {
          isTold = true;
          return { done: true, value: undefined };
        },
      }),
    };
    expect((await echo.client.calls.join(endless)).text).toBe("enough");
    await until(() => isTold, "the end of the stream");
  });

  it("goes through its interceptors and log", async () => {
    const log = collectingLogger();
    const inject: ClientInterceptor = (next) => (request, ctx) =>
      next(request, { ...ctx, options: { ...ctx.options, headers: { "x-a": "injected" } } });
    await using echo = await serveEcho(
      { unary: (_, ctx) => ({ text: ctx.header("x-a") ?? "" }) },
      { client: { interceptors: [inject], log } },
    );
    expect((await echo.client.calls.unary({ token: "t0ken" })).text).toBe("injected");
    expect(log.lines).toMatchObject([{ message: "call", fields: { request: { token: "[redacted]" } } }]);
  });

  it("refuses calls after it was closed", async () => {
    await using echo = await serveEcho(echoHandlers());
    const client = createGrpcClient(Echo, { path: echo.path });
    await client.calls.unary({});
    client.close();
    await expect(client.calls.unary({})).rejects.toMatchObject({ code: "KX_GRPC_CLOSED" });
    expect(() => client.calls.count({})).toThrow("KX_GRPC_CLOSED");
  });

  it("keeps no process alive after it was closed", async () => {
    await using echo = await serveEcho(echoHandlers());
    const program = `
      import { createGrpcClient } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
      import { serviceDesc } from "@bufbuild/protobuf/codegenv2";
      import { file_echo } from ${JSON.stringify(new URL("../../test/support/echo/gen/echo_pb.ts", import.meta.url).href)};
      const client = createGrpcClient(serviceDesc(file_echo, 0), { path: process.argv[1] });
      console.log((await client.calls.unary({ text: "bye" })).text);
      client.close();`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program, echo.path], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    expect(await once(child, "close")).toEqual([0, null]);
    expect(said).toBe("bye\n");
  });
});
