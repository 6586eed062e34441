import type { DescMethod, DescMethodServerStreaming, DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import { Controller, GroupController, Identity, Node, SnapshotMetadata } from "@kx/core/contracts/csi";
import type { CallContext, GrpcServer, MethodHandlers } from "@kx/core/grpc";
import { attachRules } from "./attach-rules.ts";
import { hasController, hasGroups, hasMetadata, hasNode } from "./capabilities.ts";
import { groupRules } from "./group-rules.ts";
import { capabilityHandlers, identityHandlers } from "./identity-handlers.ts";
import type { Kit, Rules, UnaryName } from "./kit.ts";
import { listRules } from "./list-rules.ts";
import { nodeRules } from "./node-rules.ts";
import { resizeRules } from "./resize-rules.ts";
import { serveStream, serveUnary } from "./serve-call.ts";
import { snapshotRules } from "./snapshot-rules.ts";
import { volumeRules } from "./volume-rules.ts";

const rules: Rules = {
  ...volumeRules,
  ...resizeRules,
  ...attachRules,
  ...snapshotRules,
  ...groupRules,
  ...listRules,
  ...nodeRules,
};

/** A driver's services behind the kit's rules: for a server, and for parts of the same process. */
export interface CsiServices {
  readonly identity: MethodHandlers<typeof Identity>;
  /** Absent where the driver, or this process, does not serve it. */
  readonly controller?: MethodHandlers<typeof Controller>;
  readonly groupController?: MethodHandlers<typeof GroupController>;
  readonly snapshotMetadata?: MethodHandlers<typeof SnapshotMetadata>;
  readonly node?: MethodHandlers<typeof Node>;
}

/** Puts the kit around a driver's handlers. */
export function createCsiServices(kit: Kit): CsiServices {
  const { definition, mode } = kit;
  const capabilities = capabilityHandlers(kit);
  const isController = mode !== "node";
  const isNode = mode !== "controller";
  return {
    identity: identityHandlers(kit),
    ...(isController && hasController(definition)
      ? { controller: { ...handlersOf(kit, Controller), ...capabilities.controller } }
      : {}),
    ...(isController && hasGroups(definition)
      ? { groupController: { ...handlersOf(kit, GroupController), ...capabilities.groupController } }
      : {}),
    ...(isController && hasMetadata(definition) ? { snapshotMetadata: handlersOf(kit, SnapshotMetadata) } : {}),
    ...(isNode && hasNode(definition) ? { node: { ...handlersOf(kit, Node), ...capabilities.node } } : {}),
  };
}

/** Serves what there is. */
export function addServices(server: GrpcServer, services: CsiServices): GrpcServer {
  server.add(Identity, services.identity);
  if (services.controller !== undefined) server.add(Controller, services.controller);
  if (services.groupController !== undefined) server.add(GroupController, services.groupController);
  if (services.snapshotMetadata !== undefined) server.add(SnapshotMetadata, services.snapshotMetadata);
  if (services.node !== undefined) server.add(Node, services.node);
  return server;
}

type AnyServed = (request: Message, ctx: CallContext) => Promise<object> | AsyncGenerator<object>;

function handlersOf<S extends DescService>(kit: Kit, service: S): MethodHandlers<S> {
  // MethodHandlers says for each method what is built here for all of them alike.
  return Object.fromEntries(service.methods.flatMap((method) => servedOf(kit, method))) as MethodHandlers<S>;
}

function servedOf(kit: Kit, method: DescMethod): readonly (readonly [string, AnyServed])[] {
  const { localName } = method;
  const handler: unknown = Reflect.get(kit.definition, localName);
  const isOwn = localName === "validateVolumeCapabilities" && kit.state !== undefined;
  if (typeof handler !== "function" && !isOwn) return [];
  if (method.methodKind === "server_streaming") {
    return [[localName, serveStream(kit, method as DescMethodServerStreaming, handler as never)]];
  }
  // All other calls of CSI are unary, and UnaryName has them.
  const name = localName as UnaryName;
  return [[localName, serveUnary(kit, name, method as DescMethodUnary, handler as never, rules[name] as never)]];
}
