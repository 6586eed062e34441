import { connect as connectHttp2, constants } from "node:http2";
import { connect } from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CountRequestSchema, Echo } from "../../test/support/echo/gen/echo_pb.ts";
import { echoHandlers } from "../../test/support/echo/handlers.ts";
import { until } from "../../test/support/echo/serve-echo.ts";
import { localhostCertificates } from "../../test/support/localhost-certificates.ts";
import { collectingLogger } from "../testing/index.ts";
import { createGrpcServer, createGrpcTlsClient, type MethodHandlers } from "./index.ts";

const [one, other] = localhostCertificates;

async function serveTls(handlers: MethodHandlers<typeof Echo>, maxDurationMs?: number) {
  const server = createGrpcServer({ log: collectingLogger() });
  server.add(Echo, handlers, maxDurationMs === undefined ? {} : { maxDurationMs });
  const listener = await server.listenTls({ certificate: one, port: 0, host: "127.0.0.1" });
  const address = `localhost:${listener.port}`;
  return {
    address,
    listener,
    server,
    client: (ca: string) => createGrpcTlsClient(Echo, { address, ca }),
    [Symbol.asyncDispose]: async () => void (await server.stop({ graceMs: 0 })),
  };
}

describe("a server with TLS", () => {
  it("serves those who trust its certificate", async () => {
    await using served = await serveTls(echoHandlers());
    await using client = served.client(one.cert);
    expect(await client.calls.unary({ text: "hi" })).toMatchObject({ text: "hi" });
    const counted: bigint[] = [];
    for await (const { number } of client.calls.count({ to: 3 })) counted.push(number);
    expect(counted).toEqual([1n, 2n, 3n]);
    await using stranger = served.client(other.cert);
    await expect(stranger.calls.unary({}, { timeoutMs: 5000 })).rejects.toMatchObject({ code: "KX_GRPC_UNAVAILABLE" });
  });

  it("speaks TLS 1.2 and newer, and HTTP/2 alone", async () => {
    await using served = await serveTls(echoHandlers());
    const { port } = served.listener;
    const speak = (options: object) =>
      new Promise<string>((resolve) => {
        const socket = connect({ port, host: "127.0.0.1", ca: one.cert, ALPNProtocols: ["h2"], ...options });
        socket.on("secureConnect", () => resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`));
        socket.on("error", () => resolve("refused"));
        socket.on("close", () => resolve("refused"));
        socket.on("secureConnect", () => socket.destroy());
      });
    expect(await speak({ maxVersion: "TLSv1.2" })).toBe("TLSv1.2 h2");
    expect(await speak({})).toBe("TLSv1.3 h2");
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
    expect(await speak(old)).toBe("refused");
    expect(await speak({ ALPNProtocols: ["http/1.1"] })).toBe("refused");
  });

  it("shows a renewed certificate to new connections, and lets those that are made go on", async () => {
    await using served = await serveTls(echoHandlers());
    await using before = served.client(one.cert);
    await before.calls.unary({});
    served.listener.renew(other);
    await before.calls.unary({});
    await using after = served.client(other.cert);
    expect(await after.calls.unary({ text: "new" })).toMatchObject({ text: "new" });
    expect(() => served.listener.renew({ cert: one.cert, key: other.key })).toThrow("KX_GRPC_CERTIFICATE");
    await using still = served.client(other.cert);
    await still.calls.unary({});
  });

  it("says why it cannot listen", async () => {
    await using served = await serveTls(echoHandlers());
    const server = createGrpcServer({ log: collectingLogger() });
    const { port } = served.listener;
    await expect(server.listenTls({ certificate: one, port, host: "127.0.0.1" })).rejects.toThrow(
      `[KX_GRPC_LISTEN] cannot listen at 127.0.0.1, port ${port}: EADDRINUSE`,
    );
    await expect(server.listenTls({ certificate: { cert: "x", key: "y" }, port: 0 })).rejects.toThrow(
      "KX_GRPC_CERTIFICATE",
    );
    await server.stop();
    await expect(server.listenTls({ certificate: one, port: 0 })).rejects.toThrow("KX_GRPC_STOPPED");
  });
});

describe("a call of bounded duration", () => {
  it("is answered when its handler takes longer", async () => {
    const gone: string[] = [];
    await using served = await serveTls(
      echoHandlers((code) => void gone.push(code)),
      100,
    );
    await using client = served.client(one.cert);
    const late = { code: "KX_GRPC_DEADLINE_EXCEEDED", reason: expect.stringContaining("has taken the 0.1 s") };
    await expect(client.calls.unary({ hang: true })).rejects.toMatchObject(late);
    await expect(
      (async () => {
        for await (const _ of client.calls.count({ to: -1 })) continue;
      })(),
    ).rejects.toMatchObject(late);
    await until(() => gone.length === 2, "both handlers to hear of it");
    expect(gone).toEqual(["KX_GRPC_DEADLINE_EXCEEDED", "KX_GRPC_DEADLINE_EXCEEDED"]);
    expect(await client.calls.unary({ text: "quick" })).toMatchObject({ text: "quick" });
  });

  it("is cut off when nobody reads its answer", async () => {
    const gone: string[] = [];
    await using served = await serveTls(
      echoHandlers((code) => void gone.push(code)),
      100,
    );
    const session = connectHttp2(`https://${served.address}`, { ca: one.cert });
    const stream = session.request({
      ":method": "POST",
      ":path": "/kx.test.v1.Echo/Count",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    const message = toBinary(
      CountRequestSchema,
      create(CountRequestSchema, { to: -1, payload: new Uint8Array(32_768) }),
    );
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
    stream.pause();
    await until(() => gone.length === 1, "the handler to hear of it");
    await until(() => stream.rstCode === constants.NGHTTP2_CANCEL, "the stream to be reset");
    session.destroy();
  });
});
