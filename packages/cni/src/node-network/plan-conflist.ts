import { parseCidr } from "@kx/core/units";
import type { HostLocalIpam } from "../host-local/index.ts";
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
        // The ranges are the node's: pods may still have addresses by a network that was here before.
        ipam: {
          type: "kx-host-local",
          ranges: podCidrs.map((subnet) => [{ subnet }]),
          routes,
          avoidOtherNetworks: true,
        },
      },
      { type: "kx-portmap", statusPolicy, capabilities: { portMappings: true } },
      { type: "kx-bandwidth", statusPolicy, capabilities: { bandwidth: true } },
    ],
  };
  return `${JSON.stringify(list, null, 2)}\n`;
}

/** The ranges of a configuration that was planned here. Pure. */
export function rangesOf(conflist: string): readonly string[] {
  const list = JSON.parse(conflist) as { readonly plugins: readonly { readonly ipam?: HostLocalIpam }[] };
  return (list.plugins[0]?.ipam?.ranges ?? []).flatMap((set) => set.map(({ subnet }) => subnet));
}

/** The file of a network. Runtimes take the one whose name sorts first. */
export function conflistName(network: string): string {
  return `10-${network}.conflist`;
}

/** Of the names in a folder, that of the configuration that runtimes take. */
export function firstConfiguration(names: readonly string[]): string | undefined {
  return names.filter((name) => /\.(conflist|conf|json)$/.test(name)).toSorted()[0];
}
