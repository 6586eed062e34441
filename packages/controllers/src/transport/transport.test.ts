import { constants, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { type Incoming, startServer } from "../../test/support/http2-server.ts";
import { createTransport } from "./transport.ts";

const ok = (request: Incoming) => request.json(200, { path: request.path });

describe("transport", () => {
  it("uses one connection for all requests", async () => {
    await using server = await startServer(ok);
    await using transport = createTransport({ server: server.url });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => transport.request({ method: "GET", path: `/${i}` })),
    );
    expect(answers.map((answer) => JSON.parse(answer.body.toString()).path)).toEqual(
      Array.from({ length: 50 }, (_, i) => `/${i}`),
    );
    expect(server.sessions).toHaveLength(1);
  });

  it("opens another connection past 100 streams", async () => {
    const held: ServerHttp2Stream[] = [];
    const all = Promise.withResolvers<void>();
    await using server = await startServer(({ stream }) => {
      stream.respond({ ":status": 200 });
      if (held.push(stream) === 150) all.resolve();
    });
    await using transport = createTransport({ server: server.url });
    const streams = Array.from({ length: 150 }, () => transport.stream({ method: "GET", path: "/watch" }));
    await all.promise;
    expect(server.sessions).toHaveLength(2);
    for (const stream of held) stream.end();
    for (const { body } of await Promise.all(streams)) for await (const chunk of body) expect(chunk).toBeUndefined();
  });

  it("repeats a GET on a new connection when the old one breaks", async () => {
    let count = 0;
    await using server = await startServer((request) => {
      count += 1;
      if (count === 1) request.session.destroy();
      else ok(request);
    });
    await using transport = createTransport({ server: server.url });
    expect((await transport.request({ method: "GET", path: "/" })).status).toBe(200);
    expect(server.sessions).toHaveLength(2);
  });

  it("does not repeat a POST whose connection breaks", async () => {
    let count = 0;
    await using server = await startServer((request) => {
      count += 1;
      request.session.destroy();
    });
    await using transport = createTransport({ server: server.url });
    await expect(transport.request({ method: "POST", path: "/", body: "{}" })).rejects.toMatchObject({
      code: "KX_TRANSPORT_LOST",
      retryable: true,
    });
    expect(count).toBe(1);
  });

  it("repeats a POST that the server refused unseen", async () => {
    let count = 0;
    await using server = await startServer((request) => {
      count += 1;
      if (count === 1) request.stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else ok(request);
    });
    await using transport = createTransport({ server: server.url });
    expect((await transport.request({ method: "POST", path: "/", body: "{}" })).status).toBe(200);
  });

  it("reads an answer that was there as a whole before", async () => {
    await using server = await startServer(ok);
    await using transport = createTransport({ server: server.url });
    const { body } = await transport.stream({ method: "GET", path: "/whole" });
    // On the same connection, so that the first answer has come before this one.
    await transport.request({ method: "GET", path: "/later" });
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual({ path: "/whole" });
  });

  it("reports a body that is cut off", async () => {
    await using server = await startServer(({ stream, session }) => {
      stream.respond({ ":status": 200 });
      stream.write("half", () => setImmediate(() => session.destroy()));
    });
    await using transport = createTransport({ server: server.url });
    const { body } = await transport.stream({ method: "GET", path: "/" });
    await expect(
      (async () => {
        for await (const chunk of body) expect(chunk.toString()).toBe("half");
      })(),
    ).rejects.toMatchObject({ code: "KX_TRANSPORT_LOST" });
  });

  it("moves to a new connection on GOAWAY and lets running streams finish", async () => {
    let watch: ServerHttp2Stream | undefined;
    await using server = await startServer((request) => {
      if (request.path !== "/watch") return ok(request);
      watch = request.stream;
      watch.respond({ ":status": 200 });
      request.session.goaway(constants.NGHTTP2_NO_ERROR, request.stream.id ?? 0);
    });
    await using transport = createTransport({ server: server.url });
    const { body } = await transport.stream({ method: "GET", path: "/watch" });
    while (server.sessions.length < 2) await transport.request({ method: "GET", path: "/other" });
    watch?.end("still here");
    let text = "";
    for await (const chunk of body) text += chunk.toString();
    expect(text).toBe("still here");
  });

  it("ends a request when its signal aborts, with the signal's reason", async () => {
    const closed = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<void>();
    await using server = await startServer(({ stream }) => {
      stream.once("close", () => closed.resolve());
      seen.resolve();
    });
    await using transport = createTransport({ server: server.url });
    const stop = new AbortController();
    const answer = transport.request({ method: "GET", path: "/", signal: stop.signal });
    await seen.promise;
    stop.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    await closed.promise;
  });

  it("gives up a connection whose peer answers no ping", async () => {
    const silent = createServer((socket) => socket.on("error", () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const server = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await using transport = createTransport({ server }, { pingIntervalMs: 5, pingTimeoutMs: 5 });
    await expect(transport.request({ method: "POST", path: "/", body: "" })).rejects.toMatchObject({
      code: "KX_TRANSPORT_LOST",
    });
    silent.close();
  });

  it("names the server that it cannot reach", async () => {
    const closed = await startServer(ok);
    await closed[Symbol.asyncDispose]();
    await using transport = createTransport({ server: closed.url, origin: "/etc/kubeconfig" });
    await expect(transport.request({ method: "GET", path: "/" })).rejects.toThrow(
      new RegExp(`cannot connect to ${closed.url}: .*ECONNREFUSED.*/etc/kubeconfig`),
    );
  });

  it("asks for new credentials after a 401, once", async () => {
    const tokens: unknown[] = [];
    await using server = await startServer((request) => {
      tokens.push(request.headers.authorization);
      request.json(request.headers.authorization === "Bearer new" ? 200 : 401, {});
    });
    await using transport = createTransport({
      server: server.url,
      credentials: async ({ refresh }) => ({ headers: { authorization: refresh ? "Bearer new" : "Bearer old" } }),
    });
    expect((await transport.request({ method: "GET", path: "/" })).status).toBe(200);
    expect(tokens).toEqual(["Bearer old", "Bearer new"]);
  });
});
