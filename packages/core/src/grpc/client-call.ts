import { create, type DescMethod, fromBinary, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Client, type ClientWritableStream, Metadata, type CallOptions as TransportOptions } from "@grpc/grpc-js";
import { KxError } from "../error.ts";
import { type AnyHandler, answersStream, asksStream, type CallInfo, methodPath } from "./handlers.ts";
import { iteratorOf } from "./message-streams.ts";
import { errorStatusOf, type GrpcErrorStatus } from "./status.ts";
import { decodeStatusDetails, statusDetailsKey } from "./status-details.ts";
import { grpcError } from "./status-mapping.ts";

/** How one call is made. */
export interface CallOptions {
  /** Aborting it cancels the call, which then fails with KX_GRPC_CANCELLED. */
  readonly signal?: AbortSignal;
  /** When to stop waiting, in milliseconds since the epoch. Default: never. */
  readonly deadline?: number;
  /** How long to wait, in milliseconds; the earlier of it and `deadline` counts. Default: for ever. */
  readonly timeoutMs?: number;
  /** Headers, by lower-case names. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Waits, within the deadline, for a server that is not there yet. Default: fails with KX_GRPC_UNAVAILABLE. */
  readonly waitForReady?: boolean;
}

/** A call on its way out, as a client's interceptors see it. */
export interface OutgoingCall extends CallInfo {
  readonly options: CallOptions;
}

/** The innermost of a client's handlers: it sends the request over `client`, to the server at a path or address. */
export function sendOver(client: Client, at: string, method: DescMethod): AnyHandler<OutgoingCall> {
  const name = methodPath(method);
  const { input, output } = method;
  const serialize = (init: object): Buffer => {
    const { buffer, byteOffset, byteLength } = toBinary(input, create(input, init as MessageInitShape<typeof input>));
    return Buffer.from(buffer, byteOffset, byteLength);
  };
  const deserialize = (bytes: Buffer): Message => fromBinary(output, bytes);
  const errorOf = (error: unknown, { options: { signal }, deadline }: OutgoingCall): KxError =>
    callError(error, { method: name, at, signal, deadline });

  const single = (request: object, ctx: OutgoingCall): Promise<object> =>
    new Promise((resolve, reject) => {
      const { signal } = ctx.options;
      if (signal?.aborted === true) return reject(errorOf(undefined, ctx));
      const settle = (error: unknown, response?: object): void => {
        signal?.removeEventListener("abort", cancel);
        if (response === undefined) reject(errorOf(error, ctx));
        else resolve(response);
      };
      const call = asksStream(method)
        ? client.makeClientStreamRequest(name, serialize, deserialize, metadataOf(ctx), transportOf(ctx), settle)
        : client.makeUnaryRequest(name, serialize, deserialize, request, metadataOf(ctx), transportOf(ctx), settle);
      const cancel = (): void => call.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
      if (asksStream(method)) void feed(call as ClientWritableStream<object>, request, reject);
    });

  async function* stream(request: object, ctx: OutgoingCall): AsyncGenerator<object> {
    const { signal } = ctx.options;
    if (signal?.aborted === true) throw errorOf(undefined, ctx);
    let failed: unknown;
    const call = asksStream(method)
      ? client.makeBidiStreamRequest(name, serialize, deserialize, metadataOf(ctx), transportOf(ctx))
      : client.makeServerStreamRequest(name, serialize, deserialize, request, metadataOf(ctx), transportOf(ctx));
    const cancel = (): void => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    if (asksStream(method)) {
      void feed(call as unknown as ClientWritableStream<object>, request, (error) => void (failed = error));
    }
    try {
      yield* call;
    } catch (error) {
      throw failed ?? errorOf(error, ctx);
    } finally {
      signal?.removeEventListener("abort", cancel);
      // Whoever stops reading early has no use for the rest.
      call.cancel();
    }
  }

  return answersStream(method) ? stream : single;
}

/** Sends a stream of requests; a failure of the stream itself cancels the call and is what its caller sees. */
async function feed(
  call: ClientWritableStream<object>,
  requests: object,
  onFailure: (error: unknown) => void,
): Promise<void> {
  let isOver = false;
  const over = new Promise<void>((resolve) => {
    for (const event of ["status", "error", "close"]) {
      call.once(event, () => {
        isOver = true;
        resolve();
      });
    }
  });
  // The call's failure reaches its caller by another way.
  call.on("error", () => undefined);
  try {
    const iterator = iteratorOf(requests);
    // A source that waits for its next request is told that nobody wants it any more.
    void over.then(() => iterator.return?.()).catch(() => undefined);
    for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) {
      if (isOver) return;
      if (!call.write(step.value)) await Promise.race([new Promise((resolve) => call.once("drain", resolve)), over]);
    }
    call.end();
  } catch (error) {
    onFailure(error);
    call.cancel();
  }
}

function metadataOf({ options: { headers, waitForReady = false } }: OutgoingCall): Metadata {
  const metadata = new Metadata({ waitForReady });
  if (headers !== undefined) for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

function transportOf({ deadline }: OutgoingCall): TransportOptions {
  return deadline === undefined ? {} : { deadline };
}

const retryable: ReadonlySet<GrpcErrorStatus> = new Set(["UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED"]);

/** The other side counts the same deadline by a clock of its own, in whole milliseconds. */
const deadlineSlackMs = 10;

interface FailedCall {
  readonly method: string;
  readonly at: string;
  readonly signal: AbortSignal | undefined;
  readonly deadline: number | undefined;
}

/** The KxError of a failed call, from what grpc-js makes of it. */
function callError(error: unknown, { method, at, signal, deadline }: FailedCall): KxError {
  if (KxError.is(error)) return error;
  const details = { method, path: at };
  if (signal?.aborted === true) {
    return grpcError("CANCELLED", `${method} was cancelled`, { cause: signal.reason, details });
  }
  if (!isServiceError(error)) {
    const why = error instanceof Error ? error.message : String(error);
    return grpcError("INTERNAL", `${method} at ${at} failed: ${why}`, { cause: error, details });
  }
  const told = errorStatusOf(error.code);
  // A server whose clock is ahead resets the call at its deadline, which reads as if somebody had cancelled it.
  const isLate = told === "CANCELLED" && deadline !== undefined && Date.now() >= deadline - deadlineSlackMs;
  const status = isLate ? "DEADLINE_EXCEEDED" : told;
  const packed = error.metadata?.get(statusDetailsKey)[0];
  return grpcError(status, `${method} at ${at}: ${isLate ? "Deadline exceeded" : error.details}`, {
    cause: error,
    retryable: retryable.has(status),
    details,
    statusDetails: packed instanceof Uint8Array ? decodeStatusDetails(packed) : [],
  });
}

interface TransportError {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

function isServiceError(error: unknown): error is TransportError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}
