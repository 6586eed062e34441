import { KxError } from "@kx/core";
import type { FullRoute } from "@kx/core/contracts/cni";
import { cidrOf, formatCidr, formatIp, ipBits, parseIp, parseIpInCidr } from "@kx/core/units";
import { rollBack } from "../bridge/data-path.ts";
import { enableForwarding, hasAddress } from "../bridge/data-path-bridge.ts";
import { hostEndOf, notAsMade, podProblems, ruleProblems } from "../bridge/data-path-check.ts";
import { configureSettings, planRoute } from "../bridge/data-path-pod.ts";
import type { BridgeCheck, MadeInterface, MasqueradeKind } from "../bridge/data-path-types.ts";
import { masqueradeAdd } from "../net/masquerade.ts";
import { upstreamMasqueradeAdd } from "../net/masquerade-upstream.ts";
import { type OpenNetns, openNetns } from "../net/open-netns.ts";
import type { Owner } from "../net/owner.ts";
import { setSysctl } from "../net/sysctl.ts";
import { comesUp, makePair, type Pair } from "../net/veth-pair.ts";
import { errnoOf, type Request } from "../netlink/exchange.ts";
import { newAddress } from "../rtnl/address-codec.ts";
import { setLink } from "../rtnl/link-codec.ts";
import { routeScope } from "../rtnl/numbers.ts";
import type { Link } from "../rtnl/read.ts";
import { newRoute } from "../rtnl/route-codec.ts";
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";

/** An address with the router that the host's end is for it. */
export interface PtpAddress {
  /** With the length of its subnet's prefix. */
  readonly address: string;
  readonly gateway: string;
}

/** A container that is to be reached by a route of the host. Addresses come from address management. */
export interface PtpAttach {
  readonly owner: Owner;
  /** Path of the container's network namespace. */
  readonly netns: string;
  /** Of both ends. Default: the kernel's. */
  readonly mtu?: number;
  readonly addresses: readonly PtpAddress[];
  readonly routes: readonly FullRoute[];
  readonly masquerade?: MasqueradeKind;
}

/** What was made. */
export interface PtpAttached {
  readonly host: MadeInterface;
  readonly container: MadeInterface;
  /** False for a short time at most, unless something is wrong: see `bridgeUnsettled`. */
  readonly isSettled: boolean;
}

/** An attachment with what ADD said of it. */
export interface PtpCheck extends PtpAttach {
  readonly attached: BridgeCheck["attached"];
}

/**
 * Attaches a container to the host by a pair of interfaces of its own. It blocks its thread, and changes its network
 * namespace for a moment. A failure leaves nothing; `bridgeDetach` takes it away again.
 *
 * @throws KxError `KX_CNI_INTERFACE`, `KX_CNI_ADDRESS_TAKEN`, `KX_CNI_NETNS` or `KX_CNI_NETLINK`.
 */
export function ptpAttach(request: PtpAttach): PtpAttached {
  const host = sharedRtnl();
  using netns = openNetns(request.netns);
  const { owner, mtu } = request;
  enableForwarding(request.addresses.map(({ address }) => address));
  const pair = makePair(host, netns, { owner, mtu, to: "the host" });
  try {
    configure(host, netns, pair, request);
    return {
      host: { name: pair.host.name, mac: pair.host.mac, mtu: pair.host.mtu },
      container: { name: owner.ifName, mac: pair.containerMac, mtu: pair.host.mtu },
      isSettled: comesUp(host, pair.host.index),
    };
  } catch (error) {
    throw rollBack(host, request, pair, error);
  }
}

function configure(host: Rtnl, netns: OpenNetns, pair: Pair, request: PtpAttach): void {
  const { owner, masquerade } = request;
  const addresses = request.addresses.map(({ address }) => address);
  setSysctl(["net", "ipv6", "conf", pair.host.name, "accept_ra"], "0");
  netns.enter(() => {
    configureSettings(request);
    using pod = openRtnl();
    pod.request(...planContainerEnd(pair.containerIndex, request));
  });
  reach(host, pair.host.index, request);
  if (masquerade === "sets") masqueradeAdd({ owner, addresses });
  if (masquerade === "upstream") upstreamMasqueradeAdd({ owner, addresses });
}

/**
 * What the container's end is given. The kernel must not think that the subnet is at the link, so it gets no route of its
 * own: all but the router goes by the router.
 */
export function planContainerEnd(index: number, request: PtpAttach): readonly Request[] {
  const { addresses, owner, netns } = request;
  const up = setLink(index, { up: true, arpNotify: true }, `set up ${owner.ifName} in ${netns}`);
  return [
    ...addresses.map(({ address }) => newAddress({ index, address, noDad: true, noPrefixRoute: true })),
    up,
    ...routersOf(addresses).map(({ address, gateway }) =>
      newRoute({ index, destination: alone(gateway), scope: routeScope.link, source: ipText(address) }),
    ),
    ...subnetsOf(addresses).map(({ address, gateway }) =>
      newRoute({ index, destination: subnetText(address), gateway, source: ipText(address) }),
    ),
    ...request.routes.map((route) => newRoute(planRoute(index, route, addresses), "append")),
  ];
}

/** What the host's end is given: the routers' addresses, and ways to the container's. */
export function planHostEnd(index: number, { addresses }: Pick<PtpAttach, "addresses">): readonly Request[] {
  return [
    ...routersOf(addresses).map(({ gateway }) => newAddress({ index, address: alone(gateway), noDad: true })),
    ...addresses.map(({ address }) => newRoute({ index, destination: alone(ipText(address)), scope: routeScope.host })),
  ];
}

function reach(host: Rtnl, index: number, { addresses }: PtpAttach): void {
  try {
    host.request(...planHostEnd(index, { addresses }));
  } catch (cause) {
    if (errnoOf(cause) !== "EEXIST") throw cause;
    const list = addresses.map(({ address }) => ipText(address)).join(" and ");
    throw new KxError("KX_CNI_ADDRESS_TAKEN", `the host has a route for ${list} already, to another interface`, {
      cause,
      remedy: "free the address, or correct the ranges of address management",
    });
  }
}

/**
 * Looks whether an attachment is as it was made; what others have added since is no fault.
 *
 * @throws KxError `KX_CNI_CHECK` with all that is wrong.
 */
export function ptpCheck(request: PtpCheck): void {
  const host = sharedRtnl();
  using netns = openNetns(request.netns);
  const end = host.findLink(hostEndOf(request));
  const problems = [
    ...hostProblems(host, end, request),
    ...netns.enter(() => podProblems(end, { ...request, routes: [...ownRoutes(request), ...request.routes] })),
    ...ruleProblems(request),
  ];
  if (problems.length > 0) throw notAsMade(request.owner, problems);
}

function hostProblems(host: Rtnl, end: Link | undefined, request: PtpCheck): readonly string[] {
  const { addresses } = request;
  const name = hostEndOf(request);
  if (end === undefined) return [`the host's end ${name} is missing`];
  const lost = routersOf(addresses).filter(({ gateway }) => !hasAddress(host, end.index, alone(gateway)));
  const families = [...new Set(addresses.map(({ address }) => parseIpInCidr(address).ip.family))];
  const there = families.flatMap((family) => host.routes({ family })).filter(({ index }) => index === end.index);
  const unreached = addresses
    .map(({ address }) => alone(ipText(address)))
    .filter((wanted) => !there.some(({ destination }) => destination === wanted));
  return [
    ...(end.isUp ? [] : [`${name} is down`]),
    ...lost.map(({ gateway }) => `${name} has lost ${alone(gateway)}`),
    ...unreached.map((wanted) => `the host's route to ${wanted} is missing`),
  ];
}

/** The routes that stand for the subnet's own. */
function ownRoutes({ addresses }: PtpAttach): readonly FullRoute[] {
  return [
    ...routersOf(addresses).map(({ gateway }) => ({ dst: alone(gateway) })),
    ...subnetsOf(addresses).map(({ address, gateway }) => ({ dst: subnetText(address), gw: gateway })),
  ];
}

/** An address for each router: several addresses may have the same. */
function routersOf(addresses: readonly PtpAddress[]): readonly PtpAddress[] {
  return firstBy(addresses, ({ gateway }) => alone(gateway));
}

/** An address for each subnet but those of a single address. */
function subnetsOf(addresses: readonly PtpAddress[]): readonly PtpAddress[] {
  return firstBy(addresses, ({ address }) => subnetText(address)).filter(
    ({ address }) => subnetText(address) !== alone(ipText(address)),
  );
}

function firstBy(addresses: readonly PtpAddress[], key: (of: PtpAddress) => string): readonly PtpAddress[] {
  return [...new Map(addresses.toReversed().map((one) => [key(one), one])).values()].toReversed();
}

/** The range of one address: `10.1.0.5/32`. */
function alone(text: string): string {
  const ip = parseIp(text);
  return formatCidr(cidrOf(ip, ipBits(ip.family)));
}

function ipText(address: string): string {
  return formatIp(parseIpInCidr(address).ip);
}

function subnetText(address: string): string {
  return formatCidr(parseIpInCidr(address).cidr);
}
