import { createServer, type Server as HttpServer, type RequestListener } from "node:http";
import { createServer as createTlsServer, type Server as HttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { KxError } from "../error.ts";
import { listenAt } from "../grpc/socket-file.ts";
import type { ExtensionStatus } from "./hosted-extension.ts";

/** What asks the health endpoint. */
export interface HealthRequest {
  readonly method: string;
  readonly path: string;
  /** Of the header `Authorization: Bearer`; a secret. */
  readonly token: string | undefined;
}

/** Where to serve health. */
export interface HealthOptions {
  /** Elsewhere than on a loopback address it needs `tls` and `authorize`. Default: `127.0.0.1`. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
  /**
   * Also serves at this Unix socket, mode 0600: who may open it may ask, without `tls` and `authorize`. One that a host left
   * behind is replaced, nothing else is. Default: none.
   */
  readonly socket?: string;
  /** A certificate and its key as PEM. Default: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Says who may ask. `unknown`: nobody it knows; `forbidden`: somebody who may not. Default: everyone may. */
  readonly authorize?: (request: HealthRequest) => Promise<"allowed" | "unknown" | "forbidden">;
}

/** What the health endpoint shows. */
export interface HealthView {
  /** Names of what does not serve. */
  notReady(): readonly string[];
  extensions(): readonly ExtensionStatus[];
  readonly metrics?: () => Promise<string>;
}

/** A health endpoint that listens. */
export interface HealthServer {
  /** Without a path: `http://127.0.0.1:9440`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `/healthz` (200 while the process turns), `/readyz` (503 naming each of `notReady()`, one a line), `/extensions`
 * (JSON) and `/metrics`.
 *
 * @throws KxError `KX_HOST_HEALTH_ADDRESS` for an address that others reach, if it is not protected; `KX_HOST_HEALTH_LISTEN`
 * if listening fails; nothing listens then.
 */
export async function serveHealth(options: HealthOptions, view: HealthView): Promise<HealthServer> {
  const { host = "127.0.0.1", tls, authorize } = options;
  const isLoopback = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host);
  // Plain HTTP tells anyone what runs here.
  if (!isLoopback && (tls === undefined || authorize === undefined)) {
    throw new KxError("KX_HOST_HEALTH_ADDRESS", `health must listen on a loopback address, not on ${host}`, {
      remedy: "use 127.0.0.1 or ::1, or give it a certificate and a check of who asks",
    });
  }
  const listener = listenerOf(view, authorize);
  const server = tls === undefined ? createServer(listener) : createTlsServer({ ...tls }, listener);
  await listen(server, host, options.port);
  const closePort = closing(server);
  if (options.socket === undefined) return { url: urlOf(server, host, tls), close: closePort };
  try {
    const closeSocket = await serveSocket(options.socket, view);
    const close = async () => {
      await Promise.all([closeSocket(), closePort()]);
    };
    return { url: urlOf(server, host, tls), close };
  } catch (error) {
    await closePort();
    throw error;
  }
}

async function serveSocket(path: string, view: HealthView): Promise<() => Promise<void>> {
  const server = createServer(listenerOf(view, undefined));
  try {
    const file = await listenAt(server, path);
    const close = closing(server);
    return async () => {
      await file.remove();
      await close();
    };
  } catch (cause) {
    const { reason, remedy = "choose another path" } = KxError.from(cause);
    throw new KxError("KX_HOST_HEALTH_LISTEN", `cannot serve health at ${path}: ${reason}`, { cause, remedy });
  }
}

function listenerOf(view: HealthView, authorize: HealthOptions["authorize"]): RequestListener {
  return (request, response) => {
    const method = request.method ?? "";
    const path = (request.url ?? "").split("?")[0] ?? "";
    const token = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    void answer({ method, path, token }, view, authorize).then(({ status, body, type = "text/plain" }) => {
      response.writeHead(status, {
        "content-type": `${type}; charset=utf-8`,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
      });
      response.end(method === "HEAD" ? undefined : body);
    });
  };
}

/** What closes a server that listens. */
function closing(server: HttpServer | HttpsServer): () => Promise<void> {
  // A failed accept (too many open files) concerns one client, not the process.
  server.on("error", () => undefined);
  return () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/** Never rejects. */
async function answer(
  request: HealthRequest,
  view: HealthView,
  authorize: HealthOptions["authorize"],
): Promise<Answer> {
  try {
    const verdict = authorize === undefined ? "allowed" : await authorize(request);
    if (verdict === "unknown") return { status: 401, body: "unauthorized\n" };
    if (verdict === "forbidden") return { status: 403, body: "forbidden\n" };
    return await show(request, view);
  } catch {
    // Its cause may be nothing for whoever asks, so it is not shown.
    return { status: 500, body: "internal error\n" };
  }
}

async function show({ method, path }: HealthRequest, view: HealthView): Promise<Answer> {
  if (method !== "GET" && method !== "HEAD") return { status: 405, body: "method not allowed\n" };
  if (path === "/healthz") return { status: 200, body: "ok\n" };
  if (path === "/extensions") {
    const body = `${JSON.stringify({ extensions: view.extensions() }, undefined, 2)}\n`;
    return { status: 200, body, type: "application/json" };
  }
  if (path === "/metrics" && view.metrics !== undefined) {
    return { status: 200, body: await view.metrics(), type: "text/plain; version=0.0.4" };
  }
  if (path !== "/readyz") return { status: 404, body: "not found\n" };
  const names = view.notReady();
  if (names.length === 0) return { status: 200, body: "ok\n" };
  return { status: 503, body: `not ready:\n${names.map((name) => `${name}\n`).join("")}` };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new KxError("KX_HOST_HEALTH_LISTEN", `cannot serve health on ${host}:${port}: ${why}`, {
      cause,
      remedy: "choose another port, or 0 for any free one",
    });
  } finally {
    server.off("error", reject);
  }
}

function urlOf(server: Server, host: string, tls: HealthOptions["tls"]): string {
  const scheme = tls === undefined ? "http" : "https";
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
