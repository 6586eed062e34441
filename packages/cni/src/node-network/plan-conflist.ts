import { parseCidr } from "@kx/core/units";
import type { NodeFacts } from "./node-objects.ts";
import type { NodeNetworkSettings } from "./settings.ts";

/** How a network's plug-ins are configured. */
export interface ConflistSettings extends Pick<NodeNetworkSettings, "network" | "bridge"> {
  /** Whether the bridge lets pods be seen with the node's address outside. Default: false, where somebody else does that. */
  readonly ipMasq?: boolean;
  /** See {@link StatusPolicy}. Default: `ready-once`. */
  readonly statusPolicy?: StatusPolicy;
}

/**
 * What STATUS tells. `strict`: the truth, as the specification says. `ready-once`: success from the first one after a boot
 * on, as containerd takes each failure for a node that is not ready, whose pods are then evicted.
 */
export type StatusPolicy = "ready-once" | "strict";

/** What the container runtime reads: the network's plug-ins, for the ranges of this node. */
export function planConflist(
  { podCidrs }: Pick<NodeFacts, "podCidrs">,
  { network, bridge, ipMasq = false, statusPolicy = "ready-once" }: ConflistSettings,
  mtu: number | undefined,
): string {
  const routes = podCidrs.map((cidr) => ({ dst: parseCidr(cidr).base.family === 4 ? "0.0.0.0/0" : "::/0" }));
  const list = {
    cniVersion: "1.1.0",
    name: network,
    plugins: [
      {
        type: "kx-bridge",
        statusPolicy,
        bridge,
        isGateway: true,
        hairpinMode: true,
        ...(ipMasq ? { ipMasq } : {}),
        ...(mtu === undefined ? {} : { mtu }),
        ipam: { type: "kx-host-local", ranges: podCidrs.map((subnet) => [{ subnet }]), routes },
      },
      { type: "kx-portmap", statusPolicy, capabilities: { portMappings: true } },
      { type: "kx-bandwidth", statusPolicy, capabilities: { bandwidth: true } },
    ],
  };
  return `${JSON.stringify(list, null, 2)}\n`;
}

/** The file of a network. Runtimes take the one whose name sorts first. */
export function conflistName(network: string): string {
  return `10-${network}.conflist`;
}

/** Of the names in a folder, that of the configuration that runtimes take. */
export function firstConfiguration(names: readonly string[]): string | undefined {
  return names.filter((name) => /\.(conflist|conf|json)$/.test(name)).toSorted()[0];
}
