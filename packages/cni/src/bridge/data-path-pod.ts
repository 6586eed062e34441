import { KxError } from "@kx/core";
import type { FullRoute } from "@kx/core/contracts/cni";
import { formatCidr, parseIpInCidr } from "@kx/core/units";
import { setSysctl } from "../net/sysctl.ts";
import type { Request } from "../netlink/exchange.ts";
import { newAddress } from "../rtnl/address-codec.ts";
import { setLink } from "../rtnl/link-codec.ts";
import { routeScope } from "../rtnl/numbers.ts";
import { type LinkRoute, newRoute } from "../rtnl/route-codec.ts";
import { openRtnl } from "../rtnl/rtnl.ts";
import type { BridgeAttach } from "./data-path-types.ts";

/** Gives the container's interface what it needs; to be called in the container's namespace. */
export function configurePod(index: number, request: BridgeAttach): void {
  // A network of frames alone is as its users make it.
  if (request.addresses.length > 0) configureSettings(request);
  using pod = openRtnl();
  pod.request(...planPod(index, request));
}

/** What the kernel is asked for in the container's namespace, as one datagram. */
export function planPod(index: number, request: BridgeAttach): readonly Request[] {
  const noDad = request.duplicateDetection !== true;
  const arpNotify = request.addresses.length > 0 ? { arpNotify: true } : {};
  return [
    ...request.addresses.map(({ address }) => newAddress({ index, address, noDad })),
    setLink(index, { up: true, ...arpNotify }, `set up ${request.owner.ifName} in ${request.netns}`),
    ...request.routes.map((route) => newRoute(planRoute(index, route, request.addresses), "append")),
  ];
}

/** A route without a router goes by the gateway of an address of its family, if there is one. */
export function planRoute(index: number, route: FullRoute, addresses: BridgeAttach["addresses"]): LinkRoute {
  const { dst, gw, mtu, advmss, priority, table, scope } = route;
  const { family } = parseIpInCidr(dst).ip;
  const ofFamily = addresses.filter((one) => parseIpInCidr(one.address).ip.family === family);
  const byItself = scope === routeScope.link ? undefined : ofFamily.find((one) => one.gateway !== undefined)?.gateway;
  const gateway = gw ?? byItself;
  return {
    index,
    destination: formatCidr(parseIpInCidr(dst).cidr),
    ...(gateway === undefined ? {} : { gateway }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(advmss === undefined ? {} : { advmss }),
    ...(priority === undefined ? {} : { priority }),
    ...(table === undefined ? {} : { table }),
    ...(scope === undefined ? {} : { scope }),
  };
}

/** Settings of the container's interface, of which some only count before it has addresses. */
export function configureSettings({
  owner: { ifName },
  addresses,
  duplicateDetection = false,
}: Pick<BridgeAttach, "owner" | "addresses" | "duplicateDetection">): void {
  const ipv6 = (link: string, name: string, value: string) => setSysctl(["net", "ipv6", "conf", link, name], value);
  if (duplicateDetection) ipv6(ifName, "enhanced_dad", "1");
  ipv6(ifName, "accept_dad", duplicateDetection ? "1" : "0");
  if (!addresses.some(({ address }) => parseIpInCidr(address).ip.family === 6)) return;
  // Some runtimes make namespaces without IPv6.
  ipv6("lo", "disable_ipv6", "0");
  if (!ipv6(ifName, "disable_ipv6", "0")) {
    throw new KxError("KX_CNI_UNSUPPORTED", `${ifName} is to have an IPv6 address, but this kernel has no IPv6`, {
      remedy: "leave IPv6 ranges out of address management",
    });
  }
  // Otherwise the address is gone as soon as somebody sets the interface down and up.
  ipv6(ifName, "keep_addr_on_down", "1");
}
