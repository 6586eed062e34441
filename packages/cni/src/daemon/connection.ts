import type { Socket } from "node:net";
import { type Clock, KxError, type Logger } from "@kx/core";
import { acceptByte, type CniAnswer, type CniRequest, createFrameReader, encodeAnswer } from "./frame.ts";

/** How long a call may take to come in: the shim has all of it before it connects. */
const frameTimeoutMs = 10_000;

/** Who carries calls out. */
export interface CallReceiver {
  readonly log: Logger;
  readonly clock: Clock;
  /** @param deliver - sends the answer; false if nobody takes it. */
  receive(request: CniRequest, signal: AbortSignal, deliver: (answer: CniAnswer) => Promise<boolean>): Promise<unknown>;
}

/** Serves the one call of a connection. Resolves when it is over and the connection closed. */
export async function serveConnection(socket: Socket, receiver: CallReceiver): Promise<void> {
  const closed = new AbortController();
  const gone = () => closed.abort(new KxError("KX_CNI_CANCELLED", "the caller stopped waiting", { retryable: true }));
  // What the shim does not say any more: it ends only by closing, as it dies or gives up.
  socket.once("end", gone).once("close", gone).on("error", gone);
  try {
    const request = await readRequest(socket, receiver.clock, closed.signal);
    // Fails if the shim has closed before, or given up waiting for this: then nothing is done.
    if (!(await send(socket, Buffer.of(acceptByte)))) return;
    await receiver.receive(request, closed.signal, async (answer) => {
      return !closed.signal.aborted && (await send(socket, encodeAnswer(answer)));
    });
  } catch (error) {
    if (!closed.signal.aborted) receiver.log.warn({ err: error }, "call refused");
  } finally {
    socket.destroy();
  }
}

async function readRequest(socket: Socket, clock: Clock, closed: AbortSignal): Promise<CniRequest> {
  const { promise, resolve, reject } = Promise.withResolvers<CniRequest>();
  const reader = createFrameReader();
  let isWhole = false;
  socket.on("data", (piece) => {
    // More than a call is no call; who has said it before its ACCEPT is not heard, after that it counts as gone.
    if (isWhole) return socket.destroy();
    try {
      const request = reader.push(Buffer.from(piece));
      if (request === undefined) return;
      isWhole = true;
      resolve(request);
    } catch (error) {
      reject(error);
    }
  });
  const over = new AbortController();
  const onClosed = () => reject(closed.reason);
  closed.addEventListener("abort", onClosed);
  clock.sleep(frameTimeoutMs, over.signal).then(
    () => reject(new KxError("KX_CNI_FRAME", `no whole call came within ${frameTimeoutMs} ms`)),
    () => undefined,
  );
  try {
    return await promise;
  } finally {
    over.abort();
    closed.removeEventListener("abort", onClosed);
  }
}

/** Whether the kernel took it for a socket whose other end is open. */
function send(socket: Socket, bytes: Buffer): Promise<boolean> {
  if (!socket.writable) return Promise.resolve(false);
  return new Promise((resolve) => {
    socket.once("close", () => resolve(false));
    socket.write(bytes, (error) => resolve(error === undefined || error === null));
  });
}
