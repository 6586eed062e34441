export {
  type ClientInterceptor,
  type ClientMethod,
  createGrpcClient,
  createGrpcTlsClient,
  type GrpcCallerOptions,
  type GrpcClient,
  type GrpcClientOptions,
  type GrpcTlsClientOptions,
} from "./client.ts";
export type { CallOptions, OutgoingCall } from "./client-call.ts";
export type {
  AnyHandler,
  CallContext,
  CallInfo,
  Interceptor,
  MessageStream,
  MethodHandler,
  MethodHandlers,
  UniversalInterceptor,
} from "./handlers.ts";
export { type LogCallsOptions, logCalls } from "./log-calls.ts";
export { type MeasureCallsOptions, measureCalls } from "./measure-calls.ts";
export { createRedactor, type Redactor, type RedactorOptions } from "./redactor.ts";
export { type GrpcRunnableOptions, grpcRunnable } from "./runnable.ts";
export {
  type AddOptions,
  createGrpcServer,
  type GrpcServer,
  type GrpcServerOptions,
  type GrpcStopped,
  type StopOptions,
} from "./server.ts";
export { type GrpcErrorStatus, type GrpcStatus, statusNumber } from "./status.ts";
export { type FailureStatus, type GrpcErrorOptions, grpcError, type StatusTable, toStatus } from "./status-mapping.ts";
export type { TlsCertificate, TlsListener, TlsListenOptions } from "./tls-listener.ts";
