import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type ChannelCredentials, type ChannelOptions, Client, credentials } from "@grpc/grpc-js";
import type { Logger } from "../context.ts";
import { KxError } from "../error.ts";
import { type CallOptions, type OutgoingCall, sendOver } from "./client-call.ts";
import { type AnyHandler, answersStream, type MessageStream, methodPath } from "./handlers.ts";
import { logCalls } from "./log-calls.ts";
import { type MeasureCallsOptions, measureCalls } from "./measure-calls.ts";
import { createRedactor, type RedactorOptions } from "./redactor.ts";
import { defaultMaxMessageBytes } from "./server.ts";
import { checkSocketPath } from "./socket-file.ts";

/** Puts something around each call of a client; asked once a method, as on the server. */
export type ClientInterceptor = (next: AnyHandler<OutgoingCall>, method: DescMethod) => AnyHandler<OutgoingCall>;

/** What every client is made with. */
export interface GrpcCallerOptions extends RedactorOptions {
  /** Default: calls are not logged. */
  readonly log?: Logger;
  /** Default: calls are not measured. */
  readonly metrics?: Omit<MeasureCallsOptions, "statusTable">;
  /** Around each call, the first outermost, inside of logging and metrics. Default: none. */
  readonly interceptors?: readonly ClientInterceptor[];
  /** The largest message, either way, in bytes. Default: 16 MiB. */
  readonly maxMessageBytes?: number;
  /** The longest pause between two tries to connect, in milliseconds; the first is 100. Default: 5 s. */
  readonly maxBackoffMs?: number;
}

/** What a client of a Unix socket is made with. */
export interface GrpcClientOptions extends GrpcCallerOptions {
  /** The absolute path of the server's Unix socket. */
  readonly path: string;
}

/** What a client of a TCP port with TLS is made with. */
export interface GrpcTlsClientOptions extends GrpcCallerOptions {
  /** Host and port: `backup.example.com:6443`. */
  readonly address: string;
  /** Those who sign the server's certificate, as PEM. Default: those whom Node trusts. */
  readonly ca?: string;
  /** The name in the server's certificate. Default: the host of the address. */
  readonly serverName?: string;
}

/** How a method is called, by its kind. A call fails with KxError `KX_GRPC_<STATUS>`; a stream does so when it is read. */
export type ClientMethod<M> = M extends { methodKind: infer K; input: infer I; output: infer O }
  ? I extends DescMessage
    ? O extends DescMessage
      ? K extends "unary"
        ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
        : K extends "server_streaming"
          ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
          : K extends "client_streaming"
            ? (requests: MessageStream<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
            : (requests: MessageStream<MessageInitShape<I>>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : never
    : never
  : never;

/** A client of one service. */
export interface GrpcClient<S extends DescService> extends AsyncDisposable {
  /** The service's methods by their names in camel case. */
  readonly calls: { readonly [K in keyof S["method"]]: ClientMethod<S["method"][K]> };
  /** Drops the connection; calls under way fail with KX_GRPC_CANCELLED or KX_GRPC_UNAVAILABLE, later ones with KX_GRPC_CLOSED. */
  close(): void;
}

/**
 * Makes a client. It connects at the first call, again after a connection broke, and sends authority `localhost`.
 *
 * @throws KxError `KX_GRPC_SOCKET_PATH` for a path that no socket can have.
 */
export function createGrpcClient<S extends DescService>(service: S, options: GrpcClientOptions): GrpcClient<S> {
  const { path } = options;
  checkSocketPath(path);
  const own = { "grpc.default_authority": "localhost" };
  return clientOf(service, options, path, connect(`unix://${path}`, credentials.createInsecure(), options, own));
}

/** The same for a server that listens on a TCP port with TLS, whose certificate is checked. */
export function createGrpcTlsClient<S extends DescService>(service: S, options: GrpcTlsClientOptions): GrpcClient<S> {
  const { address, ca, serverName } = options;
  const trusted = credentials.createSsl(ca === undefined ? null : Buffer.from(ca));
  const own = serverName === undefined ? {} : { "grpc.ssl_target_name_override": serverName };
  return clientOf(service, options, address, connect(`dns:${address}`, trusted, options, own));
}

function connect(
  target: string,
  channelCredentials: ChannelCredentials,
  { maxMessageBytes = defaultMaxMessageBytes, maxBackoffMs = 5000 }: GrpcCallerOptions,
  own: ChannelOptions,
): Client {
  return new Client(target, channelCredentials, {
    ...own,
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": maxBackoffMs,
    // A shared connection would outlive the client that closes.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_channelz": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
  });
}

function clientOf<S extends DescService>(
  service: S,
  options: GrpcCallerOptions,
  at: string,
  client: Client,
): GrpcClient<S> {
  let isClosed = false;
  const closing = new AbortController();
  const interceptors = interceptorsOf(options);
  const caller = (method: DescMethod): AnyMethod => {
    const send = interceptors.reduceRight<AnyHandler<OutgoingCall>>(
      (next, interceptor) => interceptor(next, method),
      sendOver(client, at, method),
    );
    const name = methodPath(method);
    const start = (request: object, callOptions: CallOptions = {}): object | Promise<object> => {
      if (isClosed) throw closedError(name, at);
      const deadline = deadlineOf(callOptions);
      return send(request, { method: name, options: callOptions, ...(deadline === undefined ? {} : { deadline }) });
    };
    // A stream that nobody reads on would keep the connection for itself.
    const startStream: AnyMethod = (request, { signal, ...rest } = {}) =>
      start(request, {
        ...rest,
        signal: signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]),
      });
    return answersStream(method) ? startStream : async (request, callOptions) => start(request, callOptions);
  };
  const calls = Object.fromEntries(service.methods.map((method) => [method.localName, caller(method)]));
  const close = (): void => {
    isClosed = true;
    closing.abort();
    client.close();
  };
  return {
    calls: calls as GrpcClient<S>["calls"],
    close,
    async [Symbol.asyncDispose]() {
      close();
    },
  };
}

type AnyMethod = (request: object, options?: CallOptions) => object | Promise<object>;

function interceptorsOf(options: GrpcCallerOptions): readonly ClientInterceptor[] {
  const { log, metrics, interceptors = [] } = options;
  return [
    ...(metrics === undefined ? [] : [measureCalls(metrics)]),
    ...(log === undefined ? [] : [logCalls({ log, redactor: createRedactor(options) })]),
    ...interceptors,
  ];
}

function deadlineOf({ deadline, timeoutMs }: CallOptions): number | undefined {
  if (timeoutMs === undefined) return deadline;
  return Math.min(Date.now() + timeoutMs, deadline ?? Infinity);
}

function closedError(method: string, at: string): KxError {
  return new KxError("KX_GRPC_CLOSED", `${method} was called on a client of ${at} that is closed`, {
    remedy: "close a client only after its last call",
  });
}
