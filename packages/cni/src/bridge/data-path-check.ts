import { KxError } from "@kx/core";
import { formatIp, parseIp, parseIpInCidr } from "@kx/core/units";
import { masqueradeCheck } from "../net/masquerade.ts";
import { upstreamMasqueradeCheck } from "../net/masquerade-upstream.ts";
import { openNetns } from "../net/open-netns.ts";
import { hostEndName } from "../net/owner.ts";
import { spoofCheckCheck } from "../net/spoof-check.ts";
import type { Link, RouteState } from "../rtnl/read.ts";
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import { hasAddress } from "./data-path-bridge.ts";
import type { BridgeAttach, BridgeCheck } from "./data-path-types.ts";

/**
 * Looks whether an attachment is as it was made; what others have added since is no fault.
 *
 * @throws KxError `KX_CNI_CHECK` with all that is wrong.
 */
export function bridgeCheck(request: BridgeCheck): void {
  const host = sharedRtnl();
  using netns = openNetns(request.netns);
  const bridge = host.findLink(request.bridge.name);
  const port = host.findLink(hostEndOf(request));
  const problems = [
    ...bridgeProblems(host, bridge, request),
    ...portProblems(port, bridge, request),
    ...netns.enter(() => podProblems(port, request)),
    ...ruleProblems(request),
  ];
  if (problems.length === 0) return;
  throw notAsMade(request.owner, problems);
}

/** The host's end's name. Another plug-in, whose attachment this may be, gives other names. */
export function hostEndOf({ owner, attached }: Pick<BridgeCheck, "owner" | "attached">): string {
  return attached.hostIfName ?? hostEndName(owner);
}

/** The error of a CHECK, with all that is wrong. */
export function notAsMade({ ifName, containerId }: BridgeCheck["owner"], problems: readonly string[]): KxError {
  return new KxError("KX_CNI_CHECK", `${ifName} of ${containerId}: ${problems.join("; ")}`, {
    details: { problems },
    remedy: "delete the pod, so that its network is made anew",
  });
}

function bridgeProblems(host: Rtnl, bridge: Link | undefined, request: BridgeCheck): readonly string[] {
  const { name, promiscuous, gateways = [] } = request.bridge;
  if (bridge === undefined) return [`the bridge ${name} is missing`];
  const { bridgeMac } = request.attached;
  const hasVlan = (request.vlan?.native ?? 0) > 0;
  return [
    ...when(bridge.kind !== "bridge", `${name} is no bridge`),
    ...when(!bridge.isUp, `the bridge ${name} is down`),
    ...when(
      bridgeMac !== undefined && bridge.mac !== bridgeMac.toLowerCase(),
      `the bridge ${name} has the address ${bridge.mac}, not ${bridgeMac}`,
    ),
    ...when(promiscuous === true && !bridge.isPromiscuous, `the bridge ${name} is not promiscuous`),
    ...gateways
      .filter((address) => !hasVlan && !hasAddress(host, bridge.index, address))
      .map((address) => `the bridge ${name} has lost ${address}`),
  ];
}

function portProblems(port: Link | undefined, bridge: Link | undefined, request: BridgeCheck): readonly string[] {
  const name = hostEndOf(request);
  if (port === undefined) return [`the host's end ${name} is missing`];
  return [
    ...when(bridge !== undefined && port.master !== bridge.index, `${name} is no port of ${request.bridge.name}`),
    ...when(!port.isUp, `${name} is down`),
    ...when(request.hairpin === true && port.port?.hairpin === false, `${name} is not in hairpin mode`),
    ...when(request.isolated === true && port.port?.isolated === false, `${name} is not isolated`),
  ];
}

/** What of the container's interface is not as it was made; to be called in the container's namespace. */
export function podProblems(
  port: Link | undefined,
  request: Pick<BridgeCheck, "owner" | "addresses" | "routes" | "attached" | "leaveDown">,
): readonly string[] {
  using pod = openRtnl();
  const { ifName } = request.owner;
  const link = pod.findLink(ifName);
  if (link === undefined) return [`the interface ${ifName} is missing`];
  const { containerMac } = request.attached;
  return [
    ...when(link.kind !== "veth", `${ifName} is no veth`),
    ...when(
      port !== undefined && (port.linked !== link.index || link.linked !== port.index),
      `${ifName} is no end of ${hostEndOf(request)}`,
    ),
    ...when(
      containerMac !== undefined && link.mac !== containerMac.toLowerCase(),
      `${ifName} has the address ${link.mac}, not ${containerMac}`,
    ),
    ...when(request.leaveDown !== true && !link.isUp, `${ifName} is down`),
    ...request.addresses
      .filter(({ address }) => !hasAddress(pod, link.index, address))
      .map(({ address }) => `${ifName} has lost ${address}`),
    ...missingRoutes(pod, request),
  ];
}

/** Routes that are nowhere: plug-ins after this one may have added some of other interfaces. */
function missingRoutes(pod: Rtnl, { routes }: Pick<BridgeAttach, "routes">): readonly string[] {
  const families = new Set(routes.map(({ dst }) => parseIpInCidr(dst).ip.family));
  const there = [...families].flatMap((family) => pod.routes({ family }));
  return routes
    .filter((wanted) => !there.some((one) => isRoute(one, wanted)))
    .map(({ dst, gw }) => `the route to ${dst}${gw === undefined ? "" : ` via ${gw}`} is missing`);
}

function isRoute(one: RouteState, { dst, gw, table }: BridgeAttach["routes"][number]): boolean {
  const { cidr } = parseIpInCidr(dst);
  return (
    one.destination === `${formatIp(cidr.base)}/${cidr.prefix}` &&
    (gw === undefined || one.gateway === formatIp(parseIp(gw))) &&
    (table === undefined || one.table === table)
  );
}

/** What of masquerading and the check of senders is missing. */
export function ruleProblems(
  request: Pick<BridgeCheck, "owner" | "addresses" | "attached" | "masquerade" | "spoofCheck">,
): readonly string[] {
  const { owner, masquerade, spoofCheck } = request;
  const addresses = request.addresses.map(({ address }) => address);
  const mac = request.attached.containerMac;
  return [
    ...(masquerade === "sets" ? masqueradeCheck({ owner, addresses }) : []),
    ...(masquerade === "upstream" ? upstreamMasqueradeCheck({ owner, addresses }) : []),
    ...(spoofCheck === true && mac !== undefined
      ? spoofCheckCheck({ owner, hostIfName: hostEndOf(request), mac })
      : []),
  ];
}

function when(isSo: boolean, problem: string): readonly string[] {
  return isSo ? [problem] : [];
}
