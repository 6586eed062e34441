import { type Cidr, cidrContains, cidrsOverlap, formatIp, parseCidr, parseIp, parseIpInCidr } from "@kx/core/units";
import type { NodeFacts } from "./node-objects.ts";

/** What the kernel has, as far as plans need it. */
export interface KernelFacts {
  readonly links: readonly { readonly index: number; readonly name: string; readonly mtu: number }[];
  readonly addresses: readonly { readonly index: number; readonly address: string }[];
  /** Of the main table. */
  readonly routes: readonly (PodRoute & { readonly isOurs: boolean })[];
}

/** A route to the pods of another node. */
export interface PodRoute {
  readonly destination: string;
  readonly gateway?: string | undefined;
  readonly index?: number | undefined;
}

/** Pods of another node that cannot be routed to. */
export interface Unreachable {
  readonly node: string;
  readonly destination: string;
  readonly reason: string;
  readonly remedy: string;
}

/** What is to be done for the pods of other nodes to be reached. */
export interface RoutePlan {
  /** They replace what has the same destination. */
  readonly set: readonly (PodRoute & { readonly gateway: string; readonly index: number })[];
  readonly remove: readonly PodRoute[];
  readonly unreachable: readonly Unreachable[];
}

/** Routes to the other nodes' pods: by their nodes' addresses, where those are at a link of this node. Pure. */
export function planRoutes(own: NodeFacts, nodes: readonly NodeFacts[], kernel: KernelFacts): RoutePlan {
  const others = nodes.filter(({ name }) => name !== own.name);
  // A Node may be there before its kubelet has told where it is.
  const unknown = new Set(
    others.filter(({ internalIps }) => internalIps.length === 0).flatMap((node) => node.podCidrs),
  );
  const found = others
    .filter(({ internalIps }) => internalIps.length > 0)
    .flatMap((node) => node.podCidrs.map((cidr) => routeTo(node, cidr, own, kernel)));
  const wanted = found.flatMap((one) => ("gateway" in one ? [one] : []));
  const ours = kernel.routes.filter(({ isOurs }) => isOurs);
  return {
    set: wanted.filter((route) => !kernel.routes.some((there) => stands(there, route))),
    remove: ours.filter(
      ({ destination }) => !unknown.has(destination) && !wanted.some((route) => route.destination === destination),
    ),
    unreachable: found.flatMap((one) => ("reason" in one ? [one] : [])),
  };
}

/** A route that somebody else made to the same pods is that one's business, such as a cloud's. */
function stands(there: KernelFacts["routes"][number], wanted: PodRoute): boolean {
  if (there.destination !== wanted.destination) return false;
  return !there.isOurs || (there.gateway === wanted.gateway && there.index === wanted.index);
}

function routeTo(
  { name, internalIps }: NodeFacts,
  text: string,
  own: NodeFacts,
  { addresses }: KernelFacts,
): Unreachable | RoutePlan["set"][number] {
  const destination = parseCidr(text);
  const refuse = (reason: string, remedy: string) => ({ node: name, destination: text, reason, remedy });
  if (own.podCidrs.some((cidr) => cidrsOverlap(parseCidr(cidr), destination))) {
    return refuse(`its range ${text} is also this node's`, "give each node a range of its own in spec.podCIDRs");
  }
  const { family } = destination.base;
  const gateway = internalIps.map((ip) => parseIp(ip)).find((ip) => ip.family === family);
  if (gateway === undefined) {
    return refuse(`it has no InternalIP of IPv${family}`, "give the node one: see kubelet's --node-ip");
  }
  const link = addresses.find(({ address }) => {
    const { cidr } = parseIpInCidr(address);
    return cidr.base.family === family && !isHost(cidr) && cidrContains(cidr, gateway);
  });
  if (link === undefined) {
    return refuse(
      `its address ${formatIp(gateway)} is at no link of this node`,
      `put the nodes into one subnet, or let your routers know that ${text} is behind ${formatIp(gateway)}`,
    );
  }
  return { destination: text, gateway: formatIp(gateway), index: link.index };
}

function isHost({ base, prefix }: Cidr): boolean {
  return prefix === (base.family === 4 ? 32 : 128);
}

/** The MTU of the link by which this node is reached, which is also its pods': nothing is put around their packets. */
export function uplinkMtu({ internalIps }: NodeFacts, { links, addresses }: KernelFacts): number | undefined {
  const own = new Set(internalIps.map((ip) => formatIp(parseIp(ip))));
  const at = addresses.find(({ address }) => own.has(formatIp(parseIpInCidr(address).ip)));
  return links.find(({ index }) => index === at?.index)?.mtu;
}
