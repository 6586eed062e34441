import { processEntry } from "../process-entry.ts";
import type { NetlinkOptions } from "./netlink-socket.ts";
import type { NetlinkHandlers } from "./netlink-worker.ts";
import { startWorkerCalls } from "./worker-calls.ts";

/** A netlink socket in a worker: its calls block that worker, not this thread. */
export interface NetlinkChannel extends AsyncDisposable {
  /** Sends one datagram of whole netlink messages; the kernel has done its work when this resolves. */
  send(bytes: Uint8Array): Promise<void>;
  /** The next datagram; rejects with `EAGAIN` if none comes in time, until when all channels of the worker wait. */
  receive(): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A worker for netlink sockets. */
export interface NetlinkWorker extends AsyncDisposable {
  open(options?: NetlinkOptions): Promise<NetlinkChannel>;
}

/** Starts a worker for netlink sockets; it ends with its disposal, and keeps no process alive. */
export function createNetlinkWorker(): NetlinkWorker {
  const worker = startWorkerCalls<NetlinkHandlers>(processEntry("linux/netlink-worker", import.meta.url));
  return {
    async open(options = {}) {
      const id = await worker.call("open", options);
      const close = () => worker.call("close", id);
      return {
        send: (bytes) => worker.call("send", id, bytes),
        receive: () => worker.call("receive", id),
        close,
        [Symbol.asyncDispose]: close,
      };
    },
    async [Symbol.asyncDispose]() {
      // The end of a thread closes nothing.
      await worker.call("closeAll");
      await worker[Symbol.asyncDispose]();
    },
  };
}
