// The worker that owns netlink sockets and does nothing else.
import { KxError } from "../error.ts";
import { type NetlinkOptions, type NetlinkSocket, openNetlink } from "./netlink-socket.ts";
import { serveWorkerCalls } from "./worker-calls.ts";

const sockets = new Map<number, NetlinkSocket>();
let lastId = 0;

function socketOf(id: number): NetlinkSocket {
  const socket = sockets.get(id);
  if (socket === undefined) throw new KxError("KX_LINUX_NETLINK_CLOSED", "the netlink socket is closed");
  return socket;
}

const handlers = {
  open(options: NetlinkOptions): number {
    sockets.set(++lastId, openNetlink(options));
    return lastId;
  },
  send: (id: number, bytes: Uint8Array): void => socketOf(id).send(bytes),
  receive: (id: number): Uint8Array => socketOf(id).receive(),
  close(id: number): void {
    sockets.get(id)?.close();
    sockets.delete(id);
  },
  closeAll(): void {
    for (const socket of sockets.values()) socket.close();
    sockets.clear();
  },
};

/** What the worker serves. */
export type NetlinkHandlers = typeof handlers;

serveWorkerCalls(handlers);
