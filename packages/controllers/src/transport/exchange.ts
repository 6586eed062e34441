import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { KxError } from "@kx/core";
import type { Session } from "./session.ts";

/** A request as the transport sends it. */
export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body is still coming. */
export interface TransportStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be iterated, if only to break at once, else the stream stays open. Throws KX_TRANSPORT_LOST when it breaks. */
  readonly body: AsyncIterable<Buffer>;
}

/** RFC 9113, section 7. */
const errorCode = { none: 0, refusedStream: 7, cancel: 8 } as const;

/** Whether the server told that it has not looked at the request: then any method may be repeated. */
export function wasRefused(error: unknown): boolean {
  return KxError.is(error) && error.code === "KX_TRANSPORT_LOST" && error.details["refused"] === true;
}

/** Sends one request on a session, in the place that the caller counted for it, and waits for the head of its answer. */
export async function exchange(
  session: Session,
  request: TransportRequest,
  headers: Readonly<Record<string, string>>,
): Promise<TransportStream> {
  const stream = openStream(session, request, headers);
  const abort = () => stream.close(errorCode.cancel);
  if (request.signal?.aborted === true) abort();
  request.signal?.addEventListener("abort", abort, { once: true });
  stream.once("close", () => request.signal?.removeEventListener("abort", abort));

  const head = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    const fail = (cause?: unknown) => reject(failure(stream, request, cause));
    stream.once("error", fail);
    stream.once("close", fail);
    stream.once("response", (incoming) => {
      stream.off("error", fail);
      stream.off("close", fail);
      stream.on("error", () => undefined);
      resolve(incoming);
    });
  });
  return { status: Number(head[":status"]), headers: head, body: bodyOf(stream, request) };
}

function openStream(
  session: Session,
  request: TransportRequest,
  headers: Readonly<Record<string, string>>,
): ClientHttp2Stream {
  let stream: ClientHttp2Stream;
  try {
    stream = session.http2.request(
      { ":method": request.method, ":path": request.path, ...headers, ...request.headers },
      { endStream: request.body === undefined },
    );
  } catch (cause) {
    session.streams -= 1;
    throw lost(request, true, cause);
  }
  // An idle connection alone must not keep a finished program running.
  session.http2.ref();
  stream.once("close", () => {
    session.streams -= 1;
    if (session.streams === 0 && !session.http2.destroyed) session.http2.unref();
  });
  if (request.body !== undefined) stream.end(request.body);
  return stream;
}

async function* bodyOf(stream: ClientHttp2Stream, request: TransportRequest): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* chunksOf(stream);
  } catch (cause) {
    throw failure(stream, request, cause);
  }
  // A broken session ends its streams as if their bodies were complete.
  if (stream.aborted || (stream.rstCode ?? 0) !== errorCode.none) throw failure(stream, request);
}

const events = ["readable", "end", "error", "close"] as const;

/**
 * What comes on a stream, until it ends or breaks. The iterator of Node's own takes a stream whose answer has arrived as a whole
 * before anybody reads it for a broken one, since HTTP/2 calls it closed then.
 */
async function* chunksOf(stream: ClientHttp2Stream): AsyncGenerator<Buffer, void, undefined> {
  let news = Promise.withResolvers<void>();
  const tell = () => news.resolve();
  for (const event of events) stream.on(event, tell);
  try {
    while (!stream.readableEnded) {
      news = Promise.withResolvers();
      const chunk: Buffer | null = stream.read();
      if (chunk !== null) yield chunk;
      else if (stream.destroyed) throw stream.errored ?? new Error("it was closed before its end");
      else await news.promise;
    }
  } finally {
    for (const event of events) stream.off(event, tell);
    if (!stream.readableEnded) stream.destroy();
  }
}

function failure(stream: ClientHttp2Stream, request: TransportRequest, cause?: unknown): unknown {
  if (request.signal?.aborted === true) return request.signal.reason;
  return lost(request, stream.rstCode === errorCode.refusedStream, cause);
}

function lost(request: TransportRequest, refused: boolean, cause?: unknown): KxError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new KxError("KX_TRANSPORT_LOST", `the connection broke during ${request.method} ${request.path}${why}`, {
    cause,
    retryable: true,
    details: { refused },
  });
}
