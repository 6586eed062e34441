import { existsSync } from "node:fs";
import { join } from "node:path";
import type { NetCalls } from "../net/net-calls.ts";
import type { ConflistFile } from "./conflist-file.ts";
import type { ClusterFacts, NodeFacts, NodeObjects } from "./node-objects.ts";
import { planConflist } from "./plan-conflist.ts";
import { planMasquerade } from "./plan-masquerade.ts";
import { planRoutes, type RoutePlan, uplinkMtu } from "./plan-routes.ts";
import type { NodeNetworkSettings } from "./settings.ts";
import type { Warning } from "./warnings.ts";

/** What a node's network is set up with. */
export interface SetUpTools {
  readonly settings: NodeNetworkSettings;
  readonly net: NetCalls;
  readonly conflist: ConflistFile;
  readonly objects: Pick<NodeObjects, "setNetworkAvailable">;
}

/** What setting a node's network up came to. */
export interface SetUp {
  readonly unreachable: RoutePlan["unreachable"];
  /** The configuration that runtimes take in place of ours. */
  readonly shadow: string | undefined;
  /** Whether the configuration was written anew. */
  readonly isNew: boolean;
  /** Where the plug-ins ought to be, if they are not. */
  readonly missing: string | undefined;
}

/** Makes what pods need beside their own attachments; the configuration last, as pods are made from then on. */
export async function setUpNode(own: NodeFacts, { nodes }: ClusterFacts, tools: SetUpTools): Promise<SetUp> {
  const { settings, net, conflist, objects } = tools;
  const kernel = await net.call("nodeNetworkRead");
  const { set, remove, unreachable } = planRoutes(own, nodes, kernel);
  await net.call("nodeNetworkApply", { set, remove, masquerade: planMasquerade(own, nodes) });
  const { binDir } = settings;
  const missing = existsSync(join(binDir, "kx-bridge")) ? undefined : binDir;
  const plan = planConflist(own, settings, uplinkMtu(own, kernel));
  // After an uninstallation no pod is to ask for what is not there.
  const isNew = missing === undefined && (await conflist.write(plan));
  if (own.networkUnavailable?.status !== "False" || own.networkUnavailable.reason !== available.reason) {
    await objects.setNetworkAvailable(own.name, available);
  }
  return { unreachable, shadow: await conflist.shadow(), isNew, missing };
}

const available = {
  reason: "KxNetworkReady",
  message: "kx has set up routes and the configuration of the pod network",
};

/** What users should know. Pure. */
export function warningsOf({ unreachable, shadow, missing }: Omit<SetUp, "isNew">, networkPolicies: number): Warning[] {
  const shadowed = {
    reason: "NetworkShadowed",
    message: `the container runtime uses ${shadow}, whose name sorts before kx's; remove it, or do without kx's network`,
  };
  const uninstalled = {
    reason: "PluginsMissing",
    message: `there are no plug-ins in ${missing}, so no network is configured; the agent's next start installs them`,
  };
  const unenforced = {
    reason: "NetworkPolicyNotEnforced",
    message: `there are NetworkPolicies, but kx's pod network does not enforce them: they protect nothing on this node`,
  };
  return [
    ...unreachable.map(({ node, destination, reason, remedy }) => {
      return {
        reason: "PodsUnreachable",
        message: `no route to the pods of ${node} (${destination}): ${reason}; ${remedy}`,
      };
    }),
    ...(shadow === undefined ? [] : [shadowed]),
    ...(missing === undefined ? [] : [uninstalled]),
    ...(networkPolicies === 0 ? [] : [unenforced]),
  ];
}
