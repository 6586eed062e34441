import { create } from "@bufbuild/protobuf";
import {
  type Controller,
  type ControllerGetCapabilitiesResult,
  ExpansionMode,
  type GetPluginCapabilitiesResult,
  type GroupController,
  type GroupControllerGetCapabilitiesResult,
  Identity,
  type Node,
  type NodeGetCapabilitiesResult,
  ProbeRequestSchema,
  type ProbeResult,
} from "@kx/core/contracts/csi";
import type { CallContext, MethodHandlers } from "@kx/core/grpc";
import { type CsiCapabilities, capabilitiesOf } from "./capabilities.ts";
import { CsiCall } from "./csi-call.ts";
import type { Kit } from "./kit.ts";

/** What Identity answers, from the definition. */
export function identityHandlers(kit: Kit): Required<MethodHandlers<typeof Identity>> {
  const { name, version = "0.0.0", manifest = {} } = kit.definition;
  const capabilities = pluginCapabilities(capabilitiesOf(kit.definition));
  return {
    getPluginInfo: () => ({ name, vendorVersion: version, manifest: { ...manifest } }),
    getPluginCapabilities: () => capabilities,
    async probe(request, ctx: CallContext): Promise<ProbeResult> {
      if (kit.starting() !== undefined) return { ready: false };
      const call = new CsiCall(ctx, Identity.method.probe, create(ProbeRequestSchema, request));
      return (await kit.definition.probe?.(call)) ?? { ready: true };
    },
  };
}

/** What the calls for capabilities answer, from the definition. */
export function capabilityHandlers(kit: Kit): {
  readonly controller: Pick<MethodHandlers<typeof Controller>, "controllerGetCapabilities">;
  readonly groupController: Pick<MethodHandlers<typeof GroupController>, "groupControllerGetCapabilities">;
  readonly node: Pick<MethodHandlers<typeof Node>, "nodeGetCapabilities">;
} {
  const { controller, groupController, node, removed } = capabilitiesOf(kit.definition);
  const controllerAnswer = { capabilities: [...controller, ...removed.controller].map(rpc) };
  const groupAnswer = { capabilities: groupController.map(rpc) };
  const nodeAnswer = { capabilities: [...node, ...removed.node].map(rpc) };
  return {
    controller: { controllerGetCapabilities: (): ControllerGetCapabilitiesResult => controllerAnswer },
    groupController: { groupControllerGetCapabilities: (): GroupControllerGetCapabilitiesResult => groupAnswer },
    node: { nodeGetCapabilities: (): NodeGetCapabilitiesResult => nodeAnswer },
  };
}

function rpc<T>(type: T) {
  return { type: { case: "rpc" as const, value: { type } } };
}

/** A process that serves the node's calls alone still tells of the driver as a whole: callers ask any of them. */
function pluginCapabilities({ services, expansion }: CsiCapabilities): GetPluginCapabilitiesResult {
  return {
    capabilities: [
      ...services.map((type) => ({ type: { case: "service" as const, value: { type } } })),
      ...(expansion === ExpansionMode.UNKNOWN
        ? []
        : [{ type: { case: "volumeExpansion" as const, value: { type: expansion } } }]),
    ],
  };
}
