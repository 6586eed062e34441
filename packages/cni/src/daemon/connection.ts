import type { Socket } from "node:net";
import { KxError, type Logger } from "@kx/core";
import { acceptByte, type CniAnswer, type CniRequest, createFrameReader, encodeAnswer } from "./frame.ts";

/** How long a call may take to come in: the shim has all of it before it connects. */
const frameTimeoutMs = 10_000;

/** Who carries calls out. */
export interface CallReceiver {
  readonly log: Logger;
  /** @param deliver - sends the answer; false if nobody takes it. */
  receive(request: CniRequest, signal: AbortSignal, deliver: (answer: CniAnswer) => Promise<boolean>): Promise<unknown>;
}

/** Serves the one call of a connection. Resolves when it is over and the connection closed. */
export async function serveConnection(socket: Socket, receiver: CallReceiver): Promise<void> {
  const caller = watchCaller(socket);
  try {
    const request = await readRequest(socket, caller.signal);
    // Fails if the shim has closed before, or given up waiting for this: then nothing is done.
    if (!(await send(socket, Buffer.of(acceptByte)))) return;
    await receiver.receive(request, caller.signal, async (answer) => {
      return !caller.signal.aborted && (await send(socket, encodeAnswer(answer)));
    });
  } catch (error) {
    if (!caller.signal.aborted) receiver.log.warn({ err: error }, "call refused");
  } finally {
    caller.leave();
    socket.destroy();
  }
}

/** The signal aborts when the caller has gone, which it says only by closing, as it dies or gives up. */
function watchCaller(socket: Socket): { readonly signal: AbortSignal; readonly leave: () => void } {
  const controller = new AbortController();
  let isWatched = true;
  const gone = () => {
    // Making an error costs more than many a call; mostly it is we who close.
    if (!isWatched || controller.signal.aborted) return;
    controller.abort(new KxError("KX_CNI_CANCELLED", "the caller stopped waiting", { retryable: true }));
  };
  socket.once("end", gone).once("close", gone).on("error", gone);
  return {
    signal: controller.signal,
    leave: () => {
      isWatched = false;
    },
  };
}

function readRequest(socket: Socket, gone: AbortSignal): Promise<CniRequest> {
  const { promise, resolve, reject } = Promise.withResolvers<CniRequest>();
  const reader = createFrameReader();
  let isWhole = false;
  gone.addEventListener("abort", () => reject(gone.reason), { once: true });
  socket.setTimeout(frameTimeoutMs, () => {
    reject(new KxError("KX_CNI_FRAME", `no whole call came within ${frameTimeoutMs} ms`));
  });
  socket.on("data", (piece: Buffer) => {
    // More than a call is no call: it counts as gone.
    if (isWhole) return socket.destroy();
    try {
      const request = reader.push(piece);
      if (request === undefined) return;
      isWhole = true;
      socket.setTimeout(0);
      resolve(request);
    } catch (error) {
      reject(error);
    }
  });
  return promise;
}

/** Whether the kernel took it for a socket whose other end is open. */
function send(socket: Socket, bytes: Buffer): Promise<boolean> {
  if (!socket.writable) return Promise.resolve(false);
  return new Promise((resolve) => {
    socket.once("close", () => resolve(false));
    socket.write(bytes, (error) => resolve(error === undefined || error === null));
  });
}
