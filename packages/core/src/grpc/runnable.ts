import type { Runnable } from "../extension.ts";
import type { GrpcServer, StopOptions } from "./server.ts";

/** A server as a part of an extension. */
export interface GrpcRunnableOptions extends StopOptions {
  readonly name: string;
  /** The absolute path of its socket. */
  readonly path: string;
  /** Makes the server with its services; called at each start, since a stopped server does not start again. */
  create(): GrpcServer | Promise<GrpcServer>;
}

/** A runnable of the group `server`: ready when it listens, stopped when the last call is answered. */
export function grpcRunnable(options: GrpcRunnableOptions): Runnable {
  return {
    name: options.name,
    group: "server",
    async start(signal, ready) {
      const server = await options.create();
      try {
        signal.throwIfAborted();
        await server.listen(options.path);
        ready();
        await aborted(signal);
      } finally {
        await server.stop(options);
      }
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
