import { lstat } from "node:fs/promises";
import type { Clock, Logger } from "@kx/core";
import type { GrpcServer } from "@kx/core/grpc";

/** How often it is looked whether a socket is still there, in milliseconds. */
const lookMs = 1000;

/** What keeps a server's socket in place. */
export interface KeepListening {
  readonly server: GrpcServer;
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Listens again whenever the socket's file is gone, as after the kubelet's folder was made anew, until the signal aborts. The
 * server listens there already. What another process has put at the path stays.
 */
export async function keepListening({ server, path, clock, log }: KeepListening, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(lookMs, signal).catch(() => undefined);
    if (signal.aborted || (await isThere(path))) continue;
    try {
      await server.listen(path);
      log.warn({ path }, "socket was gone, listening again");
    } catch (err) {
      if (!signal.aborted) log.error({ err, path }, "socket is gone");
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}
