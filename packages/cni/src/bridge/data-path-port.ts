import { KxError } from "@kx/core";
import type { OpenNetns } from "../net/open-netns.ts";
import { hostEndName, type Owner, shortHash } from "../net/owner.ts";
import { errnoOf, type Request } from "../netlink/exchange.ts";
import {
  addPortVlans,
  deletePortVlans,
  getLink,
  newLink,
  type PortVlan,
  setBridgePort,
  setLink,
} from "../rtnl/link-codec.ts";
import { randomMac } from "../rtnl/mac.ts";
import { type Link, readLink } from "../rtnl/read.ts";
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts";
import type { BridgeAttach, PortVlanSettings } from "./data-path-types.ts";

/** Both ends of an attachment's pair, just made. */
export interface Pair {
  readonly host: Link;
  readonly containerMac: string;
  readonly containerIndex: number;
}

/**
 * Makes the pair: one end a port of the bridge and up, the other in the container, still down. One message does it, so
 * nothing is left of a failure.
 *
 * @throws KxError `KX_CNI_INTERFACE` if the container has such an interface, or the attachment is there already.
 */
export function makePair(host: Rtnl, bridge: Link, netns: OpenNetns, request: BridgeAttach): Pair {
  const { owner, mac = randomMac(), mtu } = request;
  const size = mtu === undefined ? {} : { mtu };
  const name = hostEndName(owner);
  const peer = { name: owner.ifName, netnsFd: netns.fd, mac, ...size };
  const pair = newLink({
    name,
    mac: randomMac(),
    up: true,
    master: bridge.index,
    ...size,
    kind: { kind: "veth", peer },
  });
  try {
    const [, found] = host.request({ ...pair, what: `attach ${owner.ifName} to ${bridge.name}` }, getLink(name));
    const [message] = found?.messages ?? [];
    const link = message === undefined ? host.link(name) : readLink(message);
    return { host: link, containerMac: mac, containerIndex: link.linked ?? 0 };
  } catch (error) {
    throw errnoOf(error) === "EEXIST" ? taken(host, netns, owner, error) : error;
  }
}

function taken(host: Rtnl, netns: OpenNetns, owner: Owner, cause: unknown): KxError {
  const isAttached = host.findLink(hostEndName(owner)) !== undefined;
  const inContainer = netns.enter(() => {
    using pod = openRtnl();
    return pod.findLink(owner.ifName) !== undefined;
  });
  const what = `the container ${owner.containerId}`;
  if (isAttached) {
    const where = inContainer ? "" : " in another network namespace";
    return new KxError(
      "KX_CNI_INTERFACE",
      `${what} is attached to ${owner.network} as ${owner.ifName} already${where}`,
      {
        cause,
        remedy: "delete that attachment first",
      },
    );
  }
  return new KxError("KX_CNI_INTERFACE", `${what} has an interface ${owner.ifName} already`, {
    cause,
    remedy: "choose another interface name, or delete what is there",
  });
}

/** What a port is set to beyond being one. */
export function planPort(index: number, { hairpin, isolated, vlan }: BridgeAttach): readonly Request[] {
  const settings = { ...(hairpin === true ? { hairpin } : {}), ...(isolated === true ? { isolated } : {}) };
  const options = Object.keys(settings).length === 0 ? [] : [setBridgePort(index, settings)];
  return [...options, ...(vlan === undefined ? [] : planVlans(index, vlan))];
}

/** The VLANs of a port. */
export function planVlans(
  index: number,
  { native, trunk = [], keepDefault = false }: PortVlanSettings,
): readonly Request[] {
  const own: readonly PortVlan[] = native === undefined ? [] : [{ first: native, pvid: true, untagged: true }];
  const tagged: readonly PortVlan[] = trunk.map(({ first, last }) => ({ first, last }));
  // A trunk alone goes with the bridge's own VLAN, which untagged frames are of.
  const drop = keepDefault || native === undefined || native === 1 ? [] : [deletePortVlans(index, [{ first: 1 }])];
  return [...drop, ...[...own, ...tagged].map((one) => addPortVlans(index, [one]))];
}

/**
 * Sends what sets the port.
 *
 * @throws KxError `KX_CNI_UNSUPPORTED` if the kernel knows no VLANs of bridges.
 */
export function setPort(host: Rtnl, requests: readonly Request[], { vlan, bridge }: BridgeAttach): void {
  try {
    host.request(...requests);
  } catch (cause) {
    if (vlan === undefined || errnoOf(cause) !== "EOPNOTSUPP") throw cause;
    throw new KxError("KX_CNI_UNSUPPORTED", `the bridge ${bridge.name} cannot have VLANs on this kernel`, {
      cause,
      remedy: "leave out vlan and vlanTrunk, or use a kernel with CONFIG_BRIDGE_VLAN_FILTERING",
      details: { fields: ["vlan", "vlanTrunk"] },
    });
  }
}

/** The interface that has the bridge's addresses in a VLAN: `cni0.100`, a pair whose other end is a port in that VLAN. */
export function ensureVlanGateway(host: Rtnl, bridge: Link, request: BridgeAttach, vlan: number): Link {
  const name = `${bridge.name}.${vlan}`;
  const found = host.findLink(name);
  if (found !== undefined) return found;
  const port = `kxv${shortHash(name, 12)}`;
  const peer = { name: port, master: bridge.index, mac: randomMac() };
  const requests = [
    { ...newLink({ name, mac: randomMac(), kind: { kind: "veth", peer } }), expect: ["EEXIST"] },
    getLink(port),
  ];
  const [message] = host.request(...requests)[1]?.messages ?? [];
  const index = message === undefined ? host.link(port).index : readLink(message).index;
  setPort(host, [...planVlans(index, { native: vlan })], request);
  host.request(setUp(index), setUp(host.link(name).index));
  return host.link(name);
}

function setUp(index: number): Request {
  return setLink(index, { up: true }, `set up the gateway's link ${index}`);
}
