import { createServer, type Server as NetServer, type Socket } from "node:net";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type ConnectionInjector, Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { systemClock } from "../clock.ts";
import type { Clock, Logger } from "../context.ts";
import { didYouMean } from "../did-you-mean.ts";
import { KxError } from "../error.ts";
import { type AnyHandler, type Interceptor, type MethodHandlers } from "./handlers.ts";
import { logCalls } from "./log-calls.ts";
import { type MeasureCallsOptions, measureCalls } from "./measure-calls.ts";
import { createRedactor, type RedactorOptions } from "./redactor.ts";
import { watchRefusedCalls } from "./refused-calls.ts";
import { Roster } from "./roster.ts";
import { methodDefinition, type ServeServices, serveMethod } from "./serve-method.ts";
import type { ServerCall } from "./server-call.ts";
import { listenAt } from "./socket-file.ts";
import { grpcError, type StatusTable } from "./status-mapping.ts";
import { listenTls, type TlsListener, type TlsListenOptions } from "./tls-listener.ts";

/** What a server is made with. */
export interface GrpcServerOptions extends RedactorOptions {
  readonly log: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: calls are not measured. */
  readonly metrics?: Omit<MeasureCallsOptions, "statusTable">;
  /** Around each call, the first outermost, inside of logging and metrics. Default: none. */
  readonly interceptors?: readonly Interceptor[];
  /** Which status answers a KxError of which code. Default: see `toStatus`. */
  readonly statusTable?: StatusTable;
  /** The largest message, either way, in bytes. Default: 16 MiB. */
  readonly maxMessageBytes?: number;
}

/** What `add` takes beside the handlers. */
export interface AddOptions<S extends DescService> {
  /** Answer where the handlers lack a method. Default: UNIMPLEMENTED does. */
  readonly defaults?: MethodHandlers<S>;
  /**
   * How long a call may take, in milliseconds; then it is answered with DEADLINE_EXCEEDED in its handler's place, and cut off if
   * its caller does not read that. Default: for ever.
   */
  readonly maxDurationMs?: number;
}

/** How a server stops. */
export interface StopOptions {
  /** How long calls at work may take to finish, in milliseconds. Default: 10 s. */
  readonly graceMs?: number;
}

/** How a server stopped. */
export interface GrpcStopped {
  /** The methods of calls that did not finish in time, one entry a call; their handlers may still be at work. */
  readonly unfinished: readonly string[];
}

/** A gRPC server on Unix sockets, and on TCP ports with TLS. */
export interface GrpcServer extends AsyncDisposable {
  /**
   * Serves a service. Handlers are read and bound once, so that instances of classes fit.
   *
   * @throws KxError `KX_GRPC_HANDLERS` for a handler of no method, and for a service that is served already.
   */
  add<S extends DescService>(service: S, handlers: MethodHandlers<S>, options?: AddOptions<S>): this;
  /**
   * Listens at an absolute path, mode 0600; see the errors for what is never replaced.
   *
   * @throws KxError `KX_GRPC_SOCKET_PATH`, `KX_GRPC_SOCKET_FOLDER`, `KX_GRPC_SOCKET_IN_USE`, `KX_GRPC_SOCKET_OCCUPIED`, `KX_GRPC_LISTEN`, `KX_GRPC_STOPPED`.
   */
  listen(path: string): Promise<void>;
  /**
   * Listens on a TCP port for HTTP/2 over TLS 1.2 or newer. Who asks is for the handlers to find out.
   *
   * @throws KxError `KX_GRPC_CERTIFICATE`, `KX_GRPC_LISTEN`, `KX_GRPC_STOPPED`.
   */
  listenTls(options: TlsListenOptions): Promise<TlsListener>;
  /**
   * Removes the sockets, takes no new calls, lets those at work finish within the grace period, and answers the others with
   * UNAVAILABLE. Calling it again gives the same result.
   */
  stop(options?: StopOptions): Promise<GrpcStopped>;
}

/** 16 MiB: the kubelet's own limit. */
export const defaultMaxMessageBytes = 16 * 1024 * 1024;

/** How long the last answers may take to reach their callers. */
const flushMs = 1000;

/** Makes a server; it serves nothing until services are added and it listens. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  return new SocketServer(options);
}

class SocketServer implements GrpcServer {
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #services: ServeServices;
  readonly #interceptors: readonly Interceptor[];
  readonly #active = new Roster<ServerCall>();
  readonly #sockets = new Roster<Socket>();
  /** With what takes their names away. */
  readonly #listeners = new Map<NetServer, () => Promise<void>>();
  #stopReason: KxError | undefined;
  #stopped: Promise<GrpcStopped> | undefined;

  constructor(options: GrpcServerOptions) {
    const { log, clock = systemClock, metrics, statusTable = {}, maxMessageBytes = defaultMaxMessageBytes } = options;
    const redactor = createRedactor(options);
    this.#services = {
      log,
      clock,
      active: this.#active,
      maxMessageBytes,
      redactor,
      statusTable,
      stopReason: () => this.#stopReason,
    };
    this.#interceptors = [
      ...(metrics === undefined ? [] : [measureCalls({ ...metrics, statusTable })]),
      logCalls({ log, redactor, statusTable }),
      ...(options.interceptors ?? []),
    ];
    this.#server = new Server({
      "grpc.max_receive_message_length": maxMessageBytes,
      "grpc.enable_channelz": 0,
    });
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    watchRefusedCalls(this.#server, log);
  }

  add<S extends DescService>(
    service: S,
    handlers: MethodHandlers<S>,
    { defaults, maxDurationMs }: AddOptions<S> = {},
  ): this {
    refuseUnknown(service, handlers);
    const served: [string, DescMethod, AnyHandler][] = [];
    for (const method of service.methods) {
      const handler = boundHandler(handlers, method.localName) ?? boundHandler(defaults, method.localName);
      if (handler !== undefined) served.push([method.localName, method, handler]);
    }
    const definition = Object.fromEntries(
      service.methods.map((method) => [method.localName, methodDefinition(method)]),
    );
    const implementation: UntypedServiceImplementation = Object.fromEntries(
      served.map(([name, method, handler]) => [
        name,
        serveMethod(this.#services, method, this.#around(method, handler), maxDurationMs),
      ]),
    );
    try {
      this.#server.addService(definition, implementation);
    } catch (cause) {
      throw new KxError("KX_GRPC_HANDLERS", `${service.typeName} cannot be added: ${String(cause)}`, {
        cause,
        remedy: "add each service once",
      });
    }
    return this;
  }

  async listen(path: string): Promise<void> {
    this.#refuseStopped(path);
    const listener = createServer((socket) => this.#accept(socket));
    const file = await listenAt(listener, path);
    // A failed accept (too many open files) concerns one client, not the process.
    listener.on("error", (err) => this.#services.log.warn({ path, err }, "connection not accepted"));
    await this.#keep(listener, path, () => file.remove());
    this.#services.log.info({ path }, "listening");
  }

  async listenTls(options: TlsListenOptions): Promise<TlsListener> {
    const at = `port ${options.port}`;
    this.#refuseStopped(at);
    const listening = await listenTls(options, {
      begun: (socket) => this.#know(socket),
      made: (socket) => this.#accept(socket),
    });
    const { server, port } = listening;
    const { log } = this.#services;
    server.on("error", (err) => log.warn({ port, err }, "connection not accepted"));
    // Anybody may knock; what they speak is not worth a warning.
    server.on("tlsClientError", (err) => log.debug({ port, err }, "connection without TLS"));
    await this.#keep(server, at, async () => undefined);
    log.info({ port }, "listening");
    return { port, renew: (certificate) => listening.renew(certificate) };
  }

  stop({ graceMs = 10_000 }: StopOptions = {}): Promise<GrpcStopped> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #around(method: DescMethod, handler: AnyHandler): AnyHandler {
    return this.#interceptors.reduceRight((next, interceptor) => interceptor(next, method), handler);
  }

  async #keep(listener: NetServer, at: string, remove: () => Promise<void>): Promise<void> {
    this.#listeners.set(listener, remove);
    if (this.#stopReason === undefined) return;
    await this.#closeListeners();
    this.#refuseStopped(at);
  }

  #accept(socket: Socket): void {
    this.#know(socket);
    this.#injector.injectConnection(socket);
  }

  #know(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // What breaks a connection is told by the calls on it.
    socket.on("error", () => undefined);
  }

  #refuseStopped(at: string): void {
    if (this.#stopReason === undefined) return;
    throw new KxError("KX_GRPC_STOPPED", `the server was stopped and cannot listen at ${at}`, {
      remedy: "make a new server with createGrpcServer",
    });
  }

  async #closeListeners(): Promise<void> {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const [, remove] of listeners) await remove();
    for (const [listener] of listeners) listener.close();
  }

  async #stop(graceMs: number): Promise<GrpcStopped> {
    const reason = grpcError("UNAVAILABLE", "the server is stopping", { retryable: true });
    this.#stopReason = reason;
    await this.#closeListeners();
    this.#injector.destroy();
    for (const call of this.#active) if (call.isStream) call.shutDown(reason);
    await this.#active.untilEmpty(graceMs, this.#services.clock);
    const unfinished = [...this.#active];
    for (const call of unfinished) call.abandon(reason);
    // The last answers are on their way; clients close their ends when they have them.
    await this.#sockets.untilEmpty(flushMs, this.#services.clock);
    for (const socket of this.#sockets) socket.destroy();
    const methods = unfinished.map(({ method }) => method);
    if (methods.length > 0) this.#services.log.warn({ unfinished: methods, graceMs }, "calls did not finish in time");
    return { unfinished: methods };
  }
}

function boundHandler(handlers: object | undefined, name: string): AnyHandler | undefined {
  const handler: unknown = handlers === undefined ? undefined : Reflect.get(handlers, name);
  return typeof handler === "function" ? (handler.bind(handlers) as AnyHandler) : undefined;
}

/** A misspelt handler would answer UNIMPLEMENTED for ever. An instance of a class may have members of its own. */
function refuseUnknown(service: DescService, handlers: object): void {
  const prototype: unknown = Object.getPrototypeOf(handlers);
  if (prototype !== Object.prototype && prototype !== null) return;
  const names = service.methods.map(({ localName }) => localName);
  for (const name of Object.keys(handlers)) {
    if (names.includes(name)) continue;
    const near = didYouMean(name, names);
    throw new KxError("KX_GRPC_HANDLERS", `${service.typeName} has no method ${name}`, {
      remedy: near === undefined ? `its methods are ${names.join(", ")}` : `did you mean ${near}?`,
    });
  }
}
