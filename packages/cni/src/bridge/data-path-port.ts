import { KxError } from "@kx/core";
import type { OpenNetns } from "../net/open-netns.ts";
import { hostEndName, type Owner } from "../net/owner.ts";
import { errnoOf, type Request } from "../netlink/exchange.ts";
import { getLink, newLink, setBridgePort } from "../rtnl/link-codec.ts";
import { randomMac } from "../rtnl/mac.ts";
import { type Link, readLink } from "../rtnl/read.ts";
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts";
import type { BridgeAttach } from "./data-path-types.ts";
import { planVlans } from "./data-path-vlan.ts";

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
