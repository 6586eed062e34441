import type { AddressInfo, Socket } from "node:net";
import { createSecureContext, createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { KxError } from "../error.ts";

/** A certificate with those that vouch for it, and its key, as PEM. */
export interface TlsCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Where a server listens for others than this machine. */
export interface TlsListenOptions {
  readonly certificate: TlsCertificate;
  /** 0 takes any free one. */
  readonly port: number;
  /** Default: every address of the machine. */
  readonly host?: string;
}

/** A TCP port at which a server listens. */
export interface TlsListener {
  readonly port: number;
  /**
   * Takes another certificate for connections made from now on.
   *
   * @throws KxError `KX_GRPC_CERTIFICATE` if it cannot be used; the one before stays.
   */
  renew(certificate: TlsCertificate): void;
}

/** A server that listens, and what it hands over. */
export interface ListeningTls extends TlsListener {
  readonly server: TlsServer;
}

/** What becomes of connections. */
export interface TlsConnections {
  /** A connection whose other side has shown nothing yet. */
  begun(socket: Socket): void;
  /** A connection that can be spoken on. */
  made(socket: TLSSocket): void;
}

/** How long a client may take to agree on keys. */
const handshakeTimeoutMs = 10_000;
/** A silent peer is asked after by the kernel, so that one that vanished is noticed. */
const keepAliveMs = 60_000;

/** Listens for HTTP/2 over TLS 1.2 or newer. */
export async function listenTls(
  { certificate, port, host }: TlsListenOptions,
  connections: TlsConnections,
): Promise<ListeningTls> {
  checkCertificate(certificate);
  const server = createServer(
    {
      ...pemOf(certificate),
      ALPNProtocols: ["h2"],
      minVersion: "TLSv1.2",
      handshakeTimeout: handshakeTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    },
    (socket) => connections.made(socket),
  );
  server.on("connection", (socket) => connections.begun(socket));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  try {
    await promise;
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new KxError("KX_GRPC_LISTEN", `cannot listen at ${host ?? "any address"}, port ${port}: ${why}`, {
      cause,
      remedy: "choose another port, or 0 for any free one",
      details: { host, port },
    });
  } finally {
    server.off("error", reject);
  }
  return {
    server,
    // It listens at a port.
    port: (server.address() as AddressInfo).port,
    renew(renewed) {
      checkCertificate(renewed);
      server.setSecureContext(pemOf(renewed));
    },
  };
}

/** The fields alone: what else an object has would be options of TLS. */
function pemOf({ cert, key }: TlsCertificate): TlsCertificate {
  return { cert, key };
}

function checkCertificate(certificate: TlsCertificate): void {
  try {
    createSecureContext(pemOf(certificate));
  } catch (cause) {
    // OpenSSL's texts name what is wrong with the form, never what a key holds.
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KxError("KX_GRPC_CERTIFICATE", `the certificate and its key cannot be used: ${why}`, {
      cause,
      remedy: "give a certificate and the key that it was made for, both as PEM",
    });
  }
}
