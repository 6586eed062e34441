import { KxError } from "@kx/core";
import { shortHash } from "../net/owner.ts";
import { errnoOf, type Request } from "../netlink/exchange.ts";
import {
  addPortVlans,
  deleteLink,
  deletePortVlans,
  getLink,
  newLink,
  type PortVlan,
  setLink,
} from "../rtnl/link-codec.ts";
import { randomMac } from "../rtnl/mac.ts";
import { type Link, readLink } from "../rtnl/read.ts";
import type { Rtnl } from "../rtnl/rtnl.ts";
import type { PortVlanSettings } from "./data-path-types.ts";

/** The VLANs of a port. Untagged frames of a trunk are of VLAN 1, unless it has a VLAN of its own. */
export function planVlans(index: number, settings: PortVlanSettings): readonly Request[] {
  const { native = 0, trunk = [], keepDefault = false } = settings;
  if (native === 0 && trunk.length === 0) return [];
  // Of a port just made that is the bridge's default, whichever; the kernel minds none that is not there.
  const drop = deletePortVlans(index, [{ first: 1, last: 4094 }]);
  const own: PortVlan = { first: native === 0 ? 1 : native, pvid: true, untagged: true };
  const tagged: readonly PortVlan[] = trunk.map(({ first, last }) => ({ first, last }));
  return [...(keepDefault ? [] : [drop]), ...[own, ...tagged].map((one) => addPortVlans(index, [one]))];
}

/**
 * Does what needs VLANs of a bridge.
 *
 * @throws KxError `KX_CNI_UNSUPPORTED` if the kernel has none.
 */
export function withVlans<T>(bridge: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (errnoOf(cause) !== "EOPNOTSUPP") throw cause;
    throw new KxError("KX_CNI_UNSUPPORTED", `the bridge ${bridge} cannot have VLANs on this kernel`, {
      cause,
      remedy: "leave out vlan and vlanTrunk, or use a kernel with CONFIG_BRIDGE_VLAN_FILTERING",
      details: { fields: ["vlan", "vlanTrunk"] },
    });
  }
}

/** The interface that has the bridge's addresses in a VLAN: `cni0.100`, a pair whose other end is a port in that VLAN. */
export function ensureVlanGateway(host: Rtnl, bridge: Link, vlan: number): Link {
  const name = `${bridge.name}.${vlan}`;
  const found = host.findLink(name);
  if (found !== undefined) return found;
  const port = `kxv${shortHash(name, 12)}`;
  const peer = { name: port, master: bridge.index, mac: randomMac() };
  const requests = [
    { ...newLink({ name, mac: randomMac(), kind: { kind: "veth", peer } }), expect: ["EEXIST"] },
    getLink(port),
  ];
  const [made, answer] = host.request(...requests);
  const [message] = answer?.messages ?? [];
  const { index } = message === undefined ? host.link(port) : readLink(message);
  try {
    withVlans(bridge.name, () => host.request(...planVlans(index, { native: vlan })));
    host.request(setUp(index), setUp(host.link(name).index));
    return host.link(name);
  } catch (error) {
    if (made?.failed === undefined) host.request({ ...deleteLink(index), expect: ["ENODEV"] });
    throw error;
  }
}

function setUp(index: number): Request {
  return setLink(index, { up: true }, `set up the gateway's link ${index}`);
}
