import { type Clock, KxError } from "@kx/core";
import type { ClientConfig } from "../config.ts";
import type { TransportRequest } from "../transport/exchange.ts";
import { splitLines } from "../transport/lines.ts";
import type { Transport, TransportResponse } from "../transport/transport.ts";
import { createListReader } from "./list-reader.ts";
import { createPacer } from "./pacer.ts";
import { type Query, withQuery } from "./path.ts";
import { answerError, type CallFacts } from "./status-error.ts";

/** A request in terms of the API: JSON in, JSON out. */
export interface ApiRequest {
  readonly method: TransportRequest["method"];
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  readonly contentType?: string;
  /** Default: `application/json`. */
  readonly accept?: string | undefined;
  /** What is asked of which resource, for errors. */
  readonly about?: CallFacts;
  readonly signal?: AbortSignal | undefined;
}

/** The layer between verbs and transport: JSON, errors, Retry-After. */
export interface Requests {
  json(request: ApiRequest): Promise<unknown>;
  /** A list, item by item as they come in; returns the list without them. */
  list(request: ApiRequest, onItem: (item: unknown) => void): Promise<unknown>;
  lines(request: ApiRequest): AsyncGenerator<Buffer, void, undefined>;
}

// As client-go: a server that says "later" is asked ten times again.
const maxRetries = 10;

/** Requests over a transport. */
export function createRequests(transport: Transport, clock: Clock, userAgent: string, config: ClientConfig): Requests {
  const toTransport = (request: ApiRequest): TransportRequest => ({
    method: request.method,
    path: request.query === undefined ? request.path : withQuery(request.path, request.query),
    headers: {
      accept: request.accept ?? "application/json",
      "user-agent": userAgent,
      ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    signal: request.signal,
  });

  /** Asks again for as long as the server says "later". */
  const answered = async (request: ApiRequest): Promise<Buffer> => {
    for (let retries = 0; ; retries++) {
      const response = await transport.request(toTransport(request));
      if (response.status < 300) return response.body;
      const waitMs = retryAfterMs(response);
      if (waitMs === undefined || retries === maxRetries) throw failed(request, response.status, response.body);
      await clock.sleep(waitMs, request.signal);
    }
  };
  const failed = (request: ApiRequest, status: number, body: Buffer) =>
    answerError(status, body, what(request), { ...request.about, config });
  const streamed = async (request: ApiRequest): Promise<AsyncIterable<Buffer>> => {
    for (let retries = 0; ; retries++) {
      const { status, headers, body } = await transport.stream(toTransport(request));
      if (status < 300) return body;
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk);
      const answer = Buffer.concat(chunks);
      const waitMs = retryAfterMs({ status, headers, body: answer });
      if (waitMs === undefined || retries === maxRetries) throw failed(request, status, answer);
      await clock.sleep(waitMs, request.signal);
    }
  };

  return {
    async json(request) {
      return parse(await answered(request), what(request));
    },
    async list(request, onItem) {
      const reader = createListReader((json) => onItem(parse(json, what(request))));
      const pace = createPacer();
      for await (const chunk of await streamed(request)) {
        reader.write(chunk);
        await pace();
      }
      return reader.end();
    },
    async *lines(request) {
      yield* splitLines(await streamed(request));
    },
  };
}

/** How errors name a request. */
function what(request: ApiRequest): string {
  return `${request.method} ${request.path}`;
}

function parse(body: Buffer, during: string): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new KxError("KX_API_ANSWER", `${during}: the answer is not JSON`, { cause });
  }
}

/** How long the server asks to wait, in milliseconds, for an answer that may be tried again. */
function retryAfterMs({ status, headers }: TransportResponse): number | undefined {
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  return (status === 429 || status >= 500) && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
