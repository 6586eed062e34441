import { create, type DescService, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { type Clock, KxError, type Logger, systemClock } from "@kx/core";
import {
  Controller,
  type ControllerCapability,
  csiSecret,
  type ExpansionMode,
  GroupController,
  type GroupControllerCapability,
  Identity,
  type PluginService,
  SnapshotMetadata,
} from "@kx/core/contracts/csi";
import {
  type CallContext,
  type CallOptions,
  createRedactor,
  type GrpcClient,
  grpcError,
  logCalls,
  type MethodHandlers,
  measureCalls,
  toStatus,
  type UniversalInterceptor,
} from "@kx/core/grpc";
import type { Metrics } from "@kx/core/metrics";
import { capabilitiesOf } from "../driver/capabilities.ts";
import type { CsiDriver, CsiDriverDefinition } from "../driver/csi-driver.ts";
import { csiStatusTable } from "../driver/csi-error.ts";
import type { CsiServices } from "../driver/csi-services.ts";
import { withDeadline } from "./with-deadline.ts";

/** The calls of one service, as a client of it has them. Every failure is a KxError `KX_GRPC_<STATUS>`. */
export type Calls<S extends DescService> = GrpcClient<S>["calls"];

/** What a driver has said that it can do. */
export interface DriverCapabilities {
  readonly services: ReadonlySet<PluginService>;
  readonly expansion: ExpansionMode;
  readonly controller: ReadonlySet<ControllerCapability>;
  readonly groupController: ReadonlySet<GroupControllerCapability>;
}

/** A driver as the controllers see it, whether it runs in this process or behind a socket. */
export interface DriverClient {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  readonly identity: Calls<typeof Identity>;
  readonly controller: Calls<typeof Controller>;
  readonly groupController: Calls<typeof GroupController>;
  readonly snapshotMetadata: Calls<typeof SnapshotMetadata>;
}

/** What `inProcessDriver` needs. */
export interface InProcessOptions {
  /** The services of the running driver; undefined while it does not run, when every call fails with UNAVAILABLE. */
  readonly services: () => CsiServices | undefined;
  readonly log: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** The driver's registry: calls count as those over its socket, and as calls of sidecars. Default: they are not counted. */
  readonly metrics?: Metrics | undefined;
  /** Aborts when the driver stops. Default: never. */
  readonly signal?: AbortSignal | undefined;
}

/** A driver of this process. Calls go through the same rules, log, redaction and metrics as calls over its socket. */
export function inProcessDriver(driver: CsiDriver, options: InProcessOptions): DriverClient {
  return {
    name: driver.name,
    capabilities: capabilitiesIn(driver.definition),
    identity: callsOf(Identity, (served) => served.identity, driver.name, options),
    controller: callsOf(Controller, (served) => served.controller, driver.name, options),
    groupController: callsOf(GroupController, (served) => served.groupController, driver.name, options),
    snapshotMetadata: callsOf(SnapshotMetadata, (served) => served.snapshotMetadata, driver.name, options),
  };
}

/** What a driver of this process can do. */
export function capabilitiesIn(definition: CsiDriverDefinition): DriverCapabilities {
  const { services, expansion, controller, groupController } = capabilitiesOf(definition);
  return {
    services: new Set(services),
    expansion,
    controller: new Set(controller),
    groupController: new Set(groupController),
  };
}

type AnyServed = (request: Message, ctx: CallContext) => object | Promise<object>;

function callsOf<S extends DescService>(
  service: S,
  handlers: (services: CsiServices) => MethodHandlers<S> | undefined,
  driverName: string,
  options: InProcessOptions,
): Calls<S> {
  const { log, clock = systemClock, signal = new AbortController().signal } = options;
  const around = interceptors(driverName, options);
  const calls = service.methods.map((method) => {
    const name = `/${service.typeName}/${method.name}`;
    const serve = async (request: object, ctx: CallContext): Promise<object> => {
      const services = options.services();
      if (services === undefined) throw grpcError("UNAVAILABLE", "the driver does not run", { retryable: true });
      // MethodHandlers says for each method what is taken here for all of them alike.
      const answer = Reflect.get(handlers(services) ?? {}, method.localName) as AnyServed | undefined;
      if (answer === undefined) throw grpcError("UNIMPLEMENTED", "the driver does not serve it");
      return await answer(request as Message, ctx);
    };
    const handler = around.reduceRight<(request: object, ctx: CallContext) => object | Promise<object>>(
      (next, interceptor) => interceptor(next, method),
      serve,
    );
    const isStream = method.methodKind === "server_streaming";
    const begin = (init: object, call: CallOptions, callSignal: AbortSignal, deadline: number | undefined) =>
      handler(create(method.input, init as MessageInitShape<typeof method.input>), {
        method: name,
        signal,
        callSignal,
        log,
        clock,
        header: (header) => call.headers?.[header],
        ...(deadline === undefined ? {} : { deadline }),
      });

    async function* stream(init: object, call: CallOptions = {}): AsyncGenerator<object> {
      try {
        const callSignal = call.signal ?? new AbortController().signal;
        // The handler of a stream gives one.
        const answers = (await begin(init, call, callSignal, undefined)) as AsyncIterable<object>;
        for await (const answer of answers)
          yield create(method.output, answer as MessageInitShape<typeof method.output>);
      } catch (error) {
        throw asStatus(error, name);
      }
    }
    const unary = async (init: object, call: CallOptions = {}): Promise<object> => {
      try {
        const work = (callSignal: AbortSignal, deadline: number | undefined) =>
          Promise.resolve(begin(init, call, callSignal, deadline));
        const answered = await withDeadline(name, call, clock, work);
        return create(method.output, answered as MessageInitShape<typeof method.output>);
      } catch (error) {
        throw asStatus(error, name);
      }
    };
    return [method.localName, isStream ? stream : unary] as const;
  });
  return Object.fromEntries(calls) as unknown as Calls<S>;
}

function interceptors(driverName: string, { log, metrics }: InProcessOptions): readonly UniversalInterceptor[] {
  const labels = { driver_name: driverName };
  const statusTable = csiStatusTable;
  // As dashboards find them: the driver's own calls, and those that its sidecars make.
  const prefixes = ["csi_plugin", "csi_sidecar"];
  const measured =
    metrics === undefined ? [] : prefixes.map((prefix) => measureCalls({ metrics, prefix, labels, statusTable }));
  return [...measured, logCalls({ log, redactor: createRedactor({ secretOptions: [csiSecret] }), statusTable })];
}

/** The error that a caller over the socket would see. */
function asStatus(error: unknown, method: string): KxError {
  const { status, message } = toStatus(error, csiStatusTable);
  const retryable = KxError.is(error) && error.retryable;
  return grpcError(status, `${method}: ${message}`, { cause: error, retryable, details: { method } });
}
