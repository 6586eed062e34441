import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

/** A request that a test answers. */
export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly stream: ServerHttp2Stream;
  readonly session: ServerHttp2Session;
  body(): Promise<string>;
  json(status: number, value: unknown, headers?: Readonly<Record<string, string>>): void;
}

/** A real HTTP/2 server without TLS on a free loopback port. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** All connections ever made. */
  readonly sessions: readonly ServerHttp2Session[];
}

export async function startServer(answer: (request: Incoming) => void | Promise<void>): Promise<TestServer> {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => undefined);
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    const url = new URL(headers[":path"] ?? "/", "http://test");
    void answer({
      method: headers[":method"] ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers,
      stream,
      session: stream.session as ServerHttp2Session,
      async body() {
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks).toString("utf8");
      },
      json(status, value, extra = {}) {
        stream.respond({ ":status": status, "content-type": "application/json", ...extra });
        stream.end(JSON.stringify(value));
      },
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sessions,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
