import { parseCidr } from "@kx/core/units";
import type { NodeFacts } from "./node-objects.ts";
import type { NodeNetworkSettings } from "./settings.ts";

/** What the container runtime reads: the network's plug-ins, for the ranges of this node. */
export function planConflist(
  { podCidrs }: Pick<NodeFacts, "podCidrs">,
  { network, bridge }: Pick<NodeNetworkSettings, "network" | "bridge">,
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
        ...(mtu === undefined ? {} : { mtu }),
        ipam: { type: "kx-host-local", ranges: podCidrs.map((subnet) => [{ subnet }]), routes },
      },
      { type: "kx-portmap", statusPolicy, capabilities: { portMappings: true } },
      { type: "kx-bandwidth", statusPolicy, capabilities: { bandwidth: true } },
    ],
  };
  return `${JSON.stringify(list, null, 2)}\n`;
}

/** containerd takes each failure of STATUS for a node that is not ready, whose pods are then evicted. */
const statusPolicy = "ready-once";

/** The file of a network. Runtimes take the one whose name sorts first. */
export function conflistName(network: string): string {
  return `10-${network}.conflist`;
}

/** Of the names in a folder, that of the configuration that runtimes take. */
export function firstConfiguration(names: readonly string[]): string | undefined {
  return names.filter((name) => /\.(conflist|conf|json)$/.test(name)).toSorted()[0];
}
