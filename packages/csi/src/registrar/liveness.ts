import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KxError, type Logger, type Runnable } from "@kx/core";
import { Identity } from "@kx/core/contracts/csi";
import { createGrpcClient, type GrpcClient } from "@kx/core/grpc";
import { untilAborted } from "../driver/until-aborted.ts";

/** What serves a driver's health. */
export interface LivenessOptions {
  readonly driverName: string;
  /** The absolute path of the driver's socket. */
  readonly socketPath: string;
  /** Port of `/healthz` on the loopback address; 0 takes any free one, and the log tells which. */
  readonly port: number;
  readonly log: Logger;
  /** How long the driver may take to answer, in milliseconds. Default: 5 s. */
  readonly timeoutMs?: number;
}

const host = "127.0.0.1";

/**
 * Serves `/healthz` for the kubelet's liveness probes: it asks the driver by its socket, as its callers do. 200 if Probe says that
 * the driver is ready, or nothing; 503 if not; 500 if it fails or does not answer in time.
 */
export function createLiveness(options: LivenessOptions): Runnable {
  const { driverName, socketPath, port, log } = options;
  return {
    name: `liveness ${driverName}`,
    group: "server",
    async start(signal, ready) {
      await using client = createGrpcClient(Identity, { path: socketPath, maxBackoffMs: 1000 });
      const server = createServer((request, response) => {
        if (request.url?.split("?")[0] !== "/healthz") return send(response, 404, "not found");
        void verdict(client, options).then(([status, said]) => {
          if (status !== 200) log.warn({ driver: driverName, said }, "driver is not healthy");
          send(response, status, said);
        });
      });
      const listening = Promise.withResolvers<void>();
      const failed = Promise.withResolvers<never>();
      server.on("error", (cause) => failed.reject(listenFailed(port, cause)));
      server.listen(port, host, listening.resolve);
      await Promise.race([listening.promise, failed.promise]);
      try {
        const { port: taken } = server.address() as AddressInfo;
        log.info({ driver: driverName, url: `http://${host}:${taken}/healthz` }, "serving liveness");
        ready();
        await Promise.race([untilAborted(signal), failed.promise]);
      } finally {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

async function verdict(
  client: GrpcClient<typeof Identity>,
  { timeoutMs = 5000 }: LivenessOptions,
): Promise<readonly [status: number, said: string]> {
  try {
    const { ready = true } = await client.calls.probe({}, { timeoutMs });
    return ready ? [200, "ok"] : [503, "the driver is not ready"];
  } catch (error) {
    return [500, KxError.from(error).reason];
  }
}

function send(response: ServerResponse, status: number, said: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
  response.end(`${said}\n`);
}

function listenFailed(port: number, cause: unknown): KxError {
  const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  return new KxError("KX_CSI_LIVENESS", `cannot serve /healthz on ${host}:${port}: ${why}`, {
    cause,
    remedy: "choose another port, or 0 for any free one",
  });
}
