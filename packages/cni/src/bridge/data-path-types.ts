import type { FullRoute } from "@kx/core/contracts/cni";
import type { Owner } from "../net/owner.ts";

/** The bridge that pods of a network are attached to. It is made if it is not there, and never deleted. */
export interface BridgeSettings {
  readonly name: string;
  /** Default: the kernel's. Only of a bridge that is made. */
  readonly mtu?: number;
  /** It takes frames for others too. */
  readonly promiscuous?: boolean;
  /** The bridge's own addresses, by which pods reach it as their router: `10.1.0.1/16`. */
  readonly gateways?: readonly string[];
  /** Whether other addresses that stand in the way are removed. Default: an error. */
  readonly forceAddress?: boolean;
}

/** VLANs of a port. It needs a kernel with VLAN filtering of bridges. */
export interface PortVlanSettings {
  /** What the pod sends and gets without a tag is of this VLAN. Default: the bridge's, 1. */
  readonly native?: number;
  /** What the pod sends and gets with a tag. */
  readonly trunk?: readonly { readonly first: number; readonly last: number }[];
  /** Whether VLAN 1 stays, which the kernel gives to each port. */
  readonly keepDefault?: boolean;
}

/** How an attachment uses the node's address outside of its subnet; `iptables` is none of the data path's concern. */
export type MasqueradeKind = "sets" | "upstream" | "iptables";

/** What is to be made of an attachment. Addresses come from address management, which was asked before. */
export interface BridgeAttach {
  readonly owner: Owner;
  /** Path of the container's network namespace. */
  readonly netns: string;
  readonly bridge: BridgeSettings;
  /** The port lets frames out by where they came in. */
  readonly hairpin?: boolean;
  /** The port exchanges no frames with other isolated ports. */
  readonly isolated?: boolean;
  readonly vlan?: PortVlanSettings;
  /** The container's address. Default: any. */
  readonly mac?: string;
  /** Of both ends. Default: the kernel's. */
  readonly mtu?: number;
  readonly addresses: readonly { readonly address: string; readonly gateway?: string }[];
  readonly routes: readonly FullRoute[];
  /** Asks whether others have the IPv6 addresses; `bridgeUnsettled` then tells when that is over. Default: no. */
  readonly duplicateDetection?: boolean;
  /** Leaves the container's end down, without addresses. */
  readonly leaveDown?: boolean;
  readonly masquerade?: MasqueradeKind;
  /** Lets only the container's own address send. */
  readonly spoofCheck?: boolean;
}

/** An interface that was made or used. */
export interface MadeInterface {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
}

/** What was made. */
export interface BridgeAttached {
  readonly bridge: MadeInterface;
  readonly host: MadeInterface;
  readonly container: MadeInterface;
  /** The bridge's address is at this one where the port is in a VLAN. */
  readonly vlanGateway?: MadeInterface;
  /** False for a short time at most, unless something is wrong: see `bridgeUnsettled`. */
  readonly isSettled: boolean;
}

/** What is to be taken away. */
export interface BridgeDetach {
  readonly owner: Owner;
  /** Only needed for what another plug-in has attached, whose name on the host is unknown. */
  readonly netns?: string;
  /** What it had, each with a prefix length. Without them masquerading is looked for by its owner. */
  readonly addresses?: readonly string[];
  readonly masquerade?: boolean;
  readonly spoofCheck?: boolean;
  /** The container's address. Without it the check of senders is looked for by its owner. */
  readonly mac?: string;
}

/** An attachment with what ADD said of it. */
export interface BridgeCheck extends BridgeAttach {
  readonly attached: {
    readonly bridgeMac?: string;
    readonly containerMac?: string;
    /** The host's end, which another plug-in names otherwise. */
    readonly hostIfName?: string;
  };
}
