import type { ClientHttp2Session, SecureClientSessionOptions } from "node:http2";
import { KxError } from "@kx/core";
import type { ClientConfig, Credentials } from "../config.ts";

/** Times of a connection, in milliseconds. */
export interface SessionTimes {
  /** How long to wait for a connection. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /** How often a connection is tried with a PING. Default: 30,000. */
  readonly pingIntervalMs?: number;
  /** How long a PING may stay unanswered until the connection counts as dead. Default: 15,000. */
  readonly pingTimeoutMs?: number;
}

/** One HTTP/2 connection, and how many streams of ours are open on it. */
export interface Session {
  readonly http2: ClientHttp2Session;
  /** The client certificate that it was made with. */
  readonly cert: string | undefined;
  streams: number;
}

// A watch of a large cluster should not wait for window updates; but what fills the window is held in memory: with 4 MiB
// reading 10,000 pods took 25 MiB more, and no less time.
const streamWindowBytes = 1024 * 1024;
const sessionWindowBytes = 16 * 1024 * 1024;

/** Streams on a connection until another is opened; servers may allow fewer. */
const maxStreams = 100;

/** Whether another stream may be opened on a session. */
export function hasRoom({ http2, streams }: Session): boolean {
  const allowed = Math.min(maxStreams, http2.remoteSettings?.maxConcurrentStreams ?? maxStreams);
  return isUsable(http2) && streams < allowed;
}

/** False once the connection is lost, or the server asked by GOAWAY to use another. */
export function isUsable(http2: ClientHttp2Session): boolean {
  return !http2.closed && !http2.destroyed;
}

/** Connects to the server of a configuration. */
export async function openSession(
  config: ClientConfig,
  credentials: Credentials,
  times: SessionTimes,
): Promise<Session> {
  const options: SecureClientSessionOptions = {
    settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    ...(config.ca === undefined ? {} : { ca: config.ca }),
    ...(credentials.cert === undefined ? {} : { cert: credentials.cert }),
    ...(credentials.key === undefined ? {} : { key: credentials.key }),
    ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
    ...(config.insecureSkipTlsVerify === true ? { rejectUnauthorized: false } : {}),
  };
  const http2 = await connected(config, options, times.connectTimeoutMs ?? 10_000);
  http2.setLocalWindowSize(sessionWindowBytes);
  keepAlive(http2, times.pingIntervalMs ?? 30_000, times.pingTimeoutMs ?? 15_000);
  return { http2, cert: credentials.cert, streams: 0 };
}

async function connected(
  config: ClientConfig,
  options: SecureClientSessionOptions,
  timeoutMs: number,
): Promise<ClientHttp2Session> {
  const failed = (cause: unknown) =>
    new KxError("KX_TRANSPORT_CONNECT", `cannot connect to ${config.server}: ${reasonOf(cause)}`, {
      cause,
      retryable: true,
      remedy: connectRemedy(cause, config.origin),
      details: { server: config.server },
    });
  // Most programs that import this package only define something: they need not pay for TLS, half of its import.
  const { connect } = await import("node:http2");
  let http2: ClientHttp2Session;
  try {
    http2 = connect(config.server, options);
  } catch (error) {
    throw failed(error);
  }
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => http2.destroy(new Error(`no connection after ${timeoutMs} ms`)), timeoutMs);
    http2.once("error", (error) => reject(failed(error)));
    http2.once("close", () => {
      clearTimeout(timer);
      reject(failed(new Error("the server closed the connection")));
    });
    http2.once("connect", () => {
      clearTimeout(timer);
      // Later errors reach whoever waits on a stream; without a listener they would end the process.
      http2.on("error", () => undefined);
      resolve(http2);
    });
  });
}

/** What to do about a connection that could not be made. */
function connectRemedy(cause: unknown, origin = "the configuration"): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return "the server's certificate has expired: renew it there, and check this machine's clock";
    case "CERT_NOT_YET_VALID":
      return "the server's certificate is not valid yet: check the clocks of both machines";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the server's certificate is for another name: correct the address, or set tls-server-name, in ${origin}`;
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "CERT_SIGNATURE_FAILURE":
      return `the server's certificate is not signed by the certificate-authority in ${origin}: was the cluster made anew?`;
    default:
      return `check that the server runs and the address in ${origin}`;
  }
}

/** Node reports a refused connection to a name with several addresses as an AggregateError without a message. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join(", ");
  return cause instanceof Error ? cause.message : String(cause);
}

/** Destroys a session whose peer no longer answers: without it a watch over a dead link would wait for ever. */
function keepAlive(http2: ClientHttp2Session, intervalMs: number, timeoutMs: number): void {
  let answered = true;
  let timeout: NodeJS.Timeout | undefined;
  const interval = setInterval(() => {
    if (!answered || http2.destroyed) return;
    answered = false;
    timeout = setTimeout(() => http2.destroy(new Error(`no answer to a ping in ${timeoutMs} ms`)), timeoutMs).unref();
    http2.ping(() => {
      answered = true;
      clearTimeout(timeout);
    });
  }, intervalMs).unref();
  http2.once("close", () => {
    clearInterval(interval);
    clearTimeout(timeout);
  });
}
