import {
  ControllerCapability,
  ExpansionMode,
  GroupControllerCapability,
  NodeCapability,
  PluginService,
} from "@kx/core/contracts/csi";
import { statusOf } from "../controllers/outcome.ts";
import type { DriverCalls } from "./driver-under-test.ts";

/** Something that a driver may say that it can do, as CSI names it, such as `controller CLONE_VOLUME`; `node` is the service. */
export type Capability =
  | `plugin ${keyof typeof PluginService}`
  | `expansion ${keyof typeof ExpansionMode}`
  | `controller ${keyof typeof ControllerCapability}`
  | `group ${keyof typeof GroupControllerCapability}`
  | `node ${keyof typeof NodeCapability}`
  | "node";

const timeout = { timeoutMs: 10_000 };

/** Asks a driver what it can do. */
export async function readCapabilities(calls: DriverCalls): Promise<ReadonlySet<Capability>> {
  const { capabilities } = await calls.identity.getPluginCapabilities({}, timeout);
  const plugin = capabilities.flatMap(({ type }): readonly Capability[] => {
    if (type.case === "service") return named("plugin", PluginService, type.value.type);
    return type.case === "volumeExpansion" ? named("expansion", ExpansionMode, type.value.type) : [];
  });
  const all = new Set<Capability>(plugin);
  if (all.has("plugin CONTROLLER_SERVICE")) {
    const { capabilities: ofController } = await calls.controller.controllerGetCapabilities({}, timeout);
    for (const { type } of ofController) add("controller", ControllerCapability, type);
  }
  if (all.has("plugin GROUP_CONTROLLER_SERVICE")) {
    const { capabilities: ofGroups } = await calls.groupController.groupControllerGetCapabilities({}, timeout);
    for (const { type } of ofGroups) add("group", GroupControllerCapability, type);
  }
  for (const { type } of await ofNode(calls)) add("node", NodeCapability, type);
  if (await hasNode(calls)) all.add("node");
  return all;

  function add(prefix: string, names: Names, type: RpcType): void {
    if (type.case === "rpc") for (const one of named(prefix, names, type.value.type)) all.add(one);
  }
}

type Names = Readonly<Record<number, string>>;
type RpcType = { readonly case: "rpc"; readonly value: { readonly type: number } } | { readonly case: undefined };

/** Values that this version of CSI has no name for are left out. */
function named(prefix: string, names: Names, value: number): readonly Capability[] {
  const name = names[value];
  return name === undefined ? [] : [`${prefix} ${name}` as Capability];
}

async function ofNode(calls: DriverCalls) {
  try {
    return (await calls.node.nodeGetCapabilities({}, timeout)).capabilities;
  } catch (error) {
    // A process for the controller alone has none.
    if (statusOf(error) === "UNIMPLEMENTED") return [];
    throw error;
  }
}

async function hasNode(calls: DriverCalls): Promise<boolean> {
  try {
    await calls.node.nodeGetInfo({}, timeout);
    return true;
  } catch {
    return false;
  }
}
