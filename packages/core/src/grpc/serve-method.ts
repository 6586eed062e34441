import { create, type DescMethod, fromBinary, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  Metadata,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import type { KxError } from "../error.ts";
import { type AnyHandler, answersStream, asksStream, methodPath } from "./handlers.ts";
import { cutOff, messagesOf, pump } from "./message-streams.ts";
import { type Redactor, secretsOf, withoutSecrets } from "./redactor.ts";
import { type CallServices, ServerCall } from "./server-call.ts";
import { statusNumber } from "./status.ts";
import { encodeStatus, statusDetailsKey } from "./status-details.ts";
import { grpcError, type StatusTable, toStatus } from "./status-mapping.ts";

/** What a served method needs beside its handler. */
export interface ServeServices extends CallServices {
  readonly maxMessageBytes: number;
  readonly redactor: Redactor;
  readonly statusTable: StatusTable;
  /** Why new calls are refused; undefined while the server serves. */
  readonly stopReason: () => KxError | undefined;
}

/** A failed call's answer, as grpc-js takes it. */
interface Refusal {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

type Respond = (refusal: Refusal | null, response?: Buffer) => void;
type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
type WritableCall = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** Trailers have a bound at every peer, and a text this long is no longer read. */
const maxDetails = 4096;

const asIs = (bytes: Buffer): Buffer => bytes;

/** A method as grpc-js takes it. Messages pass it as bytes, so that what goes wrong in reading or writing one is ours to answer. */
export function methodDefinition(method: DescMethod): MethodDefinition<Buffer, Buffer> {
  return {
    path: methodPath(method),
    requestStream: asksStream(method),
    responseStream: answersStream(method),
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

/** The function of grpc-js that answers calls of `method` by `handler`. It never throws and leaves no promise to reject. */
export function serveMethod(
  services: ServeServices,
  method: DescMethod,
  handler: AnyHandler,
  maxDurationMs?: number,
): UntypedHandleCall {
  const path = methodPath(method);
  const { input, output } = method;
  const { maxMessageBytes, redactor, statusTable, log } = services;

  const decode = (bytes: Uint8Array): Message => {
    try {
      return fromBinary(input, bytes);
    } catch (cause) {
      throw grpcError("INVALID_ARGUMENT", `a request of ${path} is no valid ${input.typeName}`, { cause });
    }
  };

  const encode = (init: object): Buffer => {
    const { buffer, byteOffset, byteLength } = toBinary(
      output,
      create(output, init as MessageInitShape<typeof output>),
    );
    if (byteLength > maxMessageBytes) {
      const reason = `a response of ${path} has ${byteLength} bytes, ${maxMessageBytes} are allowed`;
      throw grpcError("RESOURCE_EXHAUSTED", reason);
    }
    return Buffer.from(buffer, byteOffset, byteLength);
  };

  const refusalOf = (error: unknown, request?: Message): Refusal => {
    const { status, message, statusDetails } = toStatus(error, statusTable);
    const secrets = request === undefined ? [] : secretsOf(redactor, method, request);
    const text = withoutSecrets(message, secrets);
    const details = text.length > maxDetails ? `${text.slice(0, maxDetails)}...`.toWellFormed() : text;
    const code = statusNumber(status);
    if (statusDetails.length === 0) return { code, details };
    const metadata = new Metadata();
    metadata.set(statusDetailsKey, Buffer.from(encodeStatus(code, details, statusDetails)));
    return { code, details, metadata };
  };

  /** The last resort: an answer that could not even be given concerns its caller alone. */
  const tellFault = (err: unknown): void => log.warn({ method: path, err }, "answer not given");

  const answerOnce = (call: UnaryCall | ServerReadableStream<Buffer, Buffer>, respond: Respond): void => {
    const ctx = new ServerCall(services, path, false, call, (reason) => respond(refusalOf(reason)));
    if (maxDurationMs !== undefined) ctx.limit(maxDurationMs, () => undefined);
    let request: Message | undefined;
    const fail = (error: unknown): void => {
      if (!ctx.isOpen) return;
      ctx.end();
      respond(refusalOf(error, request));
    };
    const succeed = (response: object): void => {
      if (!ctx.isOpen) return;
      let bytes: Buffer;
      try {
        bytes = encode(response);
      } catch (error) {
        log.warn({ method: path, err: error }, "response not sent");
        fail(error);
        return;
      }
      ctx.end();
      respond(null, bytes);
    };
    try {
      const stopReason = services.stopReason();
      if (stopReason !== undefined) throw stopReason;
      if ("request" in call) request = decode(call.request);
      const result = handler(request ?? messagesOf(call as ServerReadableStream<Buffer, Buffer>, decode, ctx), ctx);
      if (result instanceof Promise) result.then(succeed, fail).catch(tellFault);
      else succeed(result);
    } catch (error) {
      fail(error);
    }
  };

  const answerStream = async (call: WritableCall): Promise<void> => {
    const refuse = (refusal: Refusal): void => void call.emit("error", refusal);
    const ctx = new ServerCall(services, path, true, call, (reason) => refuse(refusalOf(reason)));
    if (maxDurationMs !== undefined) ctx.limit(maxDurationMs, () => cutOff(call));
    let request: Message | undefined;
    try {
      const stopReason = services.stopReason();
      if (stopReason !== undefined) throw stopReason;
      if ("request" in call) request = decode(call.request);
      await pump(
        await handler(request ?? messagesOf(call as ServerDuplexStream<Buffer, Buffer>, decode, ctx), ctx),
        call,
        encode,
      );
      if (!ctx.isOpen) return;
      ctx.end();
      call.end();
    } catch (error) {
      if (!ctx.isOpen) return;
      ctx.end();
      if (!call.destroyed) refuse(refusalOf(error, request));
    }
  };

  return answersStream(method)
    ? (call: WritableCall) => void answerStream(call).catch(tellFault)
    : (call: UnaryCall | ServerReadableStream<Buffer, Buffer>, respond: Respond) => answerOnce(call, respond);
}
