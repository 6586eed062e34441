import type { IncomingHttpHeaders } from "node:http2";
import { KxError } from "@kx/core";
import type { ClientConfig, Credentials } from "../config.ts";
import { exchange, type TransportRequest, type TransportStream, wasRefused } from "./exchange.ts";
import { hasRoom, isUsable, openSession, type Session, type SessionTimes } from "./session.ts";

/** An answer with its whole body. */
export interface TransportResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Carries requests to one API server. */
export interface Transport extends AsyncDisposable {
  /** Sends a request and reads the whole answer. A GET, and anything the server refused unseen, is repeated if the connection breaks. */
  request(request: TransportRequest): Promise<TransportResponse>;
  /** Sends a request and hands out the body as it comes. */
  stream(request: TransportRequest): Promise<TransportStream>;
}

const maxAttempts = 3;

/**
 * A transport over HTTP/2: one connection for everything, another one for each further 100 streams, a new one when the
 * server sends GOAWAY or no longer answers.
 */
export function createTransport(config: ClientConfig, times: SessionTimes = {}): Transport {
  const sessions = new Set<Session>();
  const retired = new Set<Session>();
  let connecting: Promise<Session> | undefined;
  let closed = false;

  const open = async (credentials: Credentials): Promise<Session> => {
    const session = await openSession(config, credentials, times);
    if (closed) {
      session.http2.destroy();
      throw disposed();
    }
    sessions.add(session);
    session.http2.once("close", () => sessions.delete(session));
    return session;
  };

  /** A connection speaks for the certificate that it was made with: with another one it takes no new streams. */
  const retire = (session: Session): void => {
    sessions.delete(session);
    retired.add(session);
    session.http2.once("close", () => retired.delete(session));
    // Waits for the streams that are open; a watch among them ends in minutes.
    session.http2.close();
  };

  const acquire = async (credentials: Credentials): Promise<Session> => {
    for (;;) {
      if (closed) throw disposed();
      let free: Session | undefined;
      for (const session of sessions) {
        if (session.cert !== credentials.cert) retire(session);
        else if (free === undefined && hasRoom(session)) free = session;
        // A connection opened for a crowd is given back when the crowd has gone.
        else if (free !== undefined && session.streams === 0 && isUsable(session.http2)) session.http2.close();
      }
      if (free !== undefined) {
        // Counted here, so that callers waiting for one connection do not all take its last place.
        free.streams += 1;
        return free;
      }
      connecting ??= open(credentials).finally(() => {
        connecting = undefined;
      });
      await connecting;
    }
  };

  const send = async (request: TransportRequest): Promise<TransportStream> => {
    request.signal?.throwIfAborted();
    const credentials = (await config.credentials?.({ refresh: false })) ?? {};
    const answer = await exchange(await acquire(credentials), request, credentials.headers ?? {});
    if (answer.status !== 401 || config.credentials === undefined) return answer;
    const renewed = await config.credentials({ refresh: true });
    const isSame = renewed.headers?.["authorization"] === credentials.headers?.["authorization"];
    if (isSame && renewed.cert === credentials.cert) return answer;
    await collect(answer.body);
    return await exchange(await acquire(renewed), request, renewed.headers ?? {});
  };

  return {
    request: (request) =>
      retried(request, async () => {
        const { status, headers, body } = await send(request);
        return { status, headers, body: await collect(body) };
      }),
    stream: (request) => retried(request, () => send(request)),
    async [Symbol.asyncDispose]() {
      closed = true;
      for (const session of [...sessions, ...retired]) session.http2.destroy();
    },
  };
}

/** Repeats what may be repeated: reading, and whatever the server has not looked at. */
async function retried<T>(request: TransportRequest, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const broken = KxError.is(error) && error.code === "KX_TRANSPORT_LOST";
      if (tries === maxAttempts || !broken || !(request.method === "GET" || wasRefused(error))) throw error;
    }
  }
}

async function collect(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function disposed(): KxError {
  return new KxError("KX_TRANSPORT_CLOSED", "the client has been disposed");
}
