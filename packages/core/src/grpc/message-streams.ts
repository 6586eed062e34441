import { constants, type ServerHttp2Stream } from "node:http2";
import type { Duplex, Readable, Writable } from "node:stream";
import type { Message } from "@bufbuild/protobuf";
import { isRecord } from "../is-record.ts";
import type { ServerCall } from "./server-call.ts";

/** The messages that a caller streams, until it is done; throws the reason if it goes away before that. */
export async function* messagesOf(
  call: Readable,
  decode: (bytes: Uint8Array) => Message,
  ctx: Pick<ServerCall, "leftReason">,
): AsyncGenerator<Message> {
  // A handler that has read enough may still have something to answer.
  const chunks: AsyncIterator<Uint8Array> = call.iterator({ destroyOnReturn: false });
  for (;;) {
    let step: IteratorResult<Uint8Array>;
    try {
      step = await chunks.next();
    } catch {
      throw ctx.leftReason();
    }
    if (step.done === true) return;
    yield decode(step.value);
  }
}

/** Writes a stream of messages as fast as the peer takes them, until the stream ends or the peer has gone. */
export async function pump(stream: object, call: Writable | Duplex, encode: (init: object) => Buffer): Promise<void> {
  const iterator = iteratorOf(stream);
  for (;;) {
    const step = await untilClosed(call, iterator.next());
    if (step === undefined || call.destroyed) {
      await iterator.return?.();
      return;
    }
    if (step.done === true) return;
    let bytes: Buffer;
    try {
      bytes = encode(step.value);
    } catch (error) {
      await iterator.return?.();
      throw error;
    }
    if (!call.write(bytes)) await drained(call);
  }
}

/** How long a last answer may take to reach its caller. */
const lastAnswerMs = 1000;

/** Resets a call that has been answered, unless its caller reads the answer: a stream that nobody reads never ends by itself. */
export function cutOff(call: Writable | Duplex): void {
  const timer = setTimeout(() => http2StreamOf(call)?.close(constants.NGHTTP2_CANCEL), lastAnswerMs).unref();
  call.once("close", () => clearTimeout(timer));
}

/** grpc-js keeps it to itself; without it the call ends when its caller goes. */
function http2StreamOf(call: object): ServerHttp2Stream | undefined {
  const inner: unknown = Reflect.get(call, "call");
  const stream: unknown = isRecord(inner) ? inner["stream"] : undefined;
  return isRecord(stream) && typeof stream["close"] === "function"
    ? (stream as unknown as ServerHttp2Stream)
    : undefined;
}

/** The iterator of a stream that somebody handed over; throws a TypeError if it is none. */
export function iteratorOf(stream: object): AsyncIterator<object> | Iterator<object> {
  if (Symbol.asyncIterator in stream) return (stream as AsyncIterable<object>)[Symbol.asyncIterator]();
  if (Symbol.iterator in stream) return (stream as Iterable<object>)[Symbol.iterator]();
  throw new TypeError("a stream of messages was expected, and something that cannot be iterated was given");
}

/** What `work` resolves to, or undefined as soon as the call is closed. */
function untilClosed<T>(call: Writable | Duplex, work: T | Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => resolve(undefined);
    if (call.destroyed) onClose();
    else call.once("close", onClose);
    Promise.resolve(work)
      .finally(() => call.off("close", onClose))
      .then(resolve, reject);
  });
}

function drained(call: Writable | Duplex): Promise<void> {
  return new Promise((resolve) => {
    const onReady = (): void => {
      call.off("drain", onReady);
      call.off("close", onReady);
      resolve();
    };
    if (call.destroyed) return resolve();
    call.once("drain", onReady);
    call.once("close", onReady);
  });
}
