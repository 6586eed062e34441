import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Context } from "../context.ts";

/** What is known of a call on both of its sides. */
export interface CallInfo {
  /** As gRPC writes it: `/csi.v1.Identity/Probe`. */
  readonly method: string;
  /** When the caller stops waiting, in milliseconds since the epoch; absent if it waits for ever. */
  readonly deadline?: number;
}

/** What a handler gets beside its request. */
export interface CallContext extends Context, CallInfo {
  /**
   * Aborts when the server stops, and never because of the caller: at once for a call that answers with a stream, which may
   * otherwise never end; after the grace period for any other, which is given that time to finish.
   */
  readonly signal: AbortSignal;
  /** Aborts when the caller cancels, goes away, or its deadline passes. What that means is told by each extension kind. */
  readonly callSignal: AbortSignal;
  /** A header of the call by its lower-case name; of several, the first; none of binary value. */
  header(name: string): string | undefined;
}

/** What a stream of messages may be given as. */
export type MessageStream<T> = AsyncIterable<T> | Iterable<T>;

/** A handler of one method, by the method's kind. Results are plain objects or messages; 64-bit integers are bigints. */
export type MethodHandler<M> = M extends { methodKind: infer K; input: infer I; output: infer O }
  ? I extends DescMessage
    ? O extends DescMessage
      ? K extends "unary"
        ? (request: MessageShape<I>, ctx: CallContext) => MessageInitShape<O> | Promise<MessageInitShape<O>>
        : K extends "server_streaming"
          ? (request: MessageShape<I>, ctx: CallContext) => MessageStream<MessageInitShape<O>>
          : K extends "client_streaming"
            ? (
                requests: AsyncIterable<MessageShape<I>>,
                ctx: CallContext,
              ) => MessageInitShape<O> | Promise<MessageInitShape<O>>
            : (requests: AsyncIterable<MessageShape<I>>, ctx: CallContext) => MessageStream<MessageInitShape<O>>
      : never
    : never
  : never;

/** The handlers of a service by the methods' names in camel case. An absent one answers UNIMPLEMENTED. */
export type MethodHandlers<S extends DescService> = {
  readonly [K in keyof S["method"]]?: MethodHandler<S["method"][K]>;
};

/** A handler as interceptors see it; the method's kind tells whether request and result are messages or streams of them. */
export type AnyHandler<Ctx extends CallInfo = CallContext> = (request: object, ctx: Ctx) => object | Promise<object>;

/**
 * Puts something around each call of a server. It is asked once a method, so that whatever depends on the method alone is
 * settled before the first call; it returns `next` itself where it has nothing to do.
 */
export type Interceptor = (next: AnyHandler, method: DescMethod) => AnyHandler;

/** An interceptor that works on a server as well as in a client. */
export type UniversalInterceptor = <Ctx extends CallInfo>(next: AnyHandler<Ctx>, method: DescMethod) => AnyHandler<Ctx>;

/** A method's path on the wire. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Whether a method answers with a stream. */
export function answersStream(method: DescMethod): boolean {
  return method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
}

/** Whether a method is asked with a stream. */
export function asksStream(method: DescMethod): boolean {
  return method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
}
