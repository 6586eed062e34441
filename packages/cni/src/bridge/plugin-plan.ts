import { KxError } from "@kx/core";
import type { PluginConfig } from "@kx/core/contracts/cni";
import { parseIpInCidr } from "@kx/core/units";
import { dnsOf, type GivenAddresses, hostEndIn, ownPart, routerOf } from "../plugin/address-management.ts";
import type { CheckRequest, CniResult, DelRequest, NetnsRequest } from "../plugin/cni-plugin.ts";
import { requestedValue } from "../plugin/requested.ts";
import type { BridgeConfig } from "./config.ts";
import { macProblem, readMac } from "./config-mac.ts";
import { masqueradeKind } from "./config-masquerade.ts";
import { portVlans } from "./config-vlan.ts";
import type { BridgeAttach, BridgeAttached, BridgeCheck, BridgeDetach } from "./data-path-types.ts";

type Ip = GivenAddresses["ips"][number];
type Routes = GivenAddresses["routes"];

const who = "the bridge";
const none: GivenAddresses = { ips: [], routes: [] };

/**
 * What is to be made, of the configuration and what address management gave; without that, a network of frames alone.
 *
 * @throws KxError `KX_CNI_CONFIG` or `KX_CNI_UNSUPPORTED`.
 */
export function planAttach(request: NetnsRequest<BridgeConfig>, given: GivenAddresses | undefined): BridgeAttach {
  const { config, netns } = request;
  const { ips, routes } = withGateways(config, given ?? none);
  const mac = requestedMac(request);
  return {
    ...settingsOf(config),
    owner: ownerOf(request),
    netns,
    bridge: { ...bridgeOf(config), gateways: gatewaysOf(config, ips) },
    ...(mac === undefined ? {} : { mac }),
    addresses: ips.map(({ address, gateway }) => ({ address, ...(gateway === undefined ? {} : { gateway }) })),
    routes,
    ...(ips.length === 0 ? {} : maskedBy(config)),
  };
}

/** What DEL knows: with a result of ADD, what the attachment had. */
export function planDetach(request: DelRequest<BridgeConfig>): BridgeDetach {
  const { config, netns, ifName, prevResult } = request;
  const { mac, ips } = ownPart(prevResult ?? {}, ifName);
  return {
    owner: ownerOf(request),
    ...(netns === undefined ? {} : { netns }),
    addresses: ips.map(({ address }) => address),
    masquerade: config.ipMasq,
    spoofCheck: config.macspoofchk,
    ...(mac === undefined ? {} : { mac }),
  };
}

/** The way back of an attachment that this call has made. */
export function planUndo({ owner, netns, addresses, masquerade, spoofCheck }: BridgeAttach): BridgeDetach {
  return {
    owner,
    netns,
    addresses: addresses.map(({ address }) => address),
    masquerade: masquerade !== undefined,
    spoofCheck: spoofCheck === true,
  };
}

/** What CHECK looks for: what ADD said, which others may have added to. */
export function planCheck(request: CheckRequest<BridgeConfig>): BridgeCheck {
  const { config, prevResult, ifName, netns } = request;
  const { mac, ips } = ownPart(prevResult, ifName);
  const bridge = prevResult.interfaces?.find(({ name, sandbox }) => name === config.bridge && !sandbox);
  return {
    ...settingsOf(config),
    owner: ownerOf(request),
    netns,
    bridge: { ...bridgeOf(config), gateways: gatewaysOf(config, ips) },
    addresses: ips,
    routes: ips.length === 0 ? [] : (prevResult.routes ?? []),
    ...(ips.length === 0 ? {} : maskedBy(config)),
    attached: {
      ...hostEndIn(prevResult, config.bridge),
      ...(bridge?.mac ? { bridgeMac: bridge.mac } : {}),
      ...(mac === undefined ? {} : { containerMac: mac }),
    },
  };
}

/** What ADD gives: the bridge, the host's end, the container's, and the gateway's where that is in a VLAN. */
export function resultOf(
  { config }: Pick<NetnsRequest<BridgeConfig>, "config">,
  attach: BridgeAttach,
  made: BridgeAttached,
  given: GivenAddresses | undefined,
): CniResult {
  const containerIndex = 2;
  return {
    interfaces: [
      // Not its MTU, which may change with its ports.
      { name: made.bridge.name, mac: made.bridge.mac },
      made.host,
      { ...made.container, sandbox: attach.netns },
      ...(made.vlanGateway === undefined ? [] : [made.vlanGateway]),
    ],
    ips: attach.addresses.map((ip) => ({ ...ip, interface: containerIndex })),
    ...(attach.routes.length === 0 ? {} : { routes: attach.routes }),
    ...dnsOf(config.dns, given?.dns),
  };
}

function ownerOf({ containerId, ifName, config }: Pick<DelRequest<BridgeConfig>, "containerId" | "ifName" | "config">) {
  return { network: config.name, containerId, ifName };
}

function bridgeOf({ bridge, mtu, promiscMode, forceAddress }: BridgeConfig): BridgeAttach["bridge"] {
  return { name: bridge, ...(mtu === 0 ? {} : { mtu }), promiscuous: promiscMode, forceAddress };
}

function settingsOf(config: BridgeConfig) {
  const vlan = portVlans(config);
  return {
    ...(config.mtu === 0 ? {} : { mtu: config.mtu }),
    ...(vlan === undefined ? {} : { vlan }),
    hairpin: config.hairpinMode,
    isolated: config.portIsolation,
    duplicateDetection: config.enabledad,
    leaveDown: config.disableContainerInterface,
    spoofCheck: config.macspoofchk,
  };
}

function maskedBy(config: BridgeConfig): Pick<BridgeAttach, "masquerade"> {
  const masquerade = masqueradeKind(config);
  return masquerade === undefined ? {} : { masquerade };
}

/** As a gateway, the bridge is each subnet's; as the default one, also the way to everywhere. */
function withGateways(config: BridgeConfig, { ips, routes }: GivenAddresses): Pick<GivenAddresses, "ips" | "routes"> {
  if (!isGateway(config)) return { ips, routes };
  const behind = ips.map((ip) => ({ ...ip, gateway: routerOf(ip, who) }));
  return { ips: behind, routes: config.isDefaultGateway ? withDefaultRoutes(behind, routes) : routes };
}

function isGateway({ isGateway: itself, isDefaultGateway }: BridgeConfig): boolean {
  return itself || isDefaultGateway;
}

/** A default route for each family through its first gateway, unless there is one through a router. */
function withDefaultRoutes(ips: readonly (Ip & { readonly gateway: string })[], routes: Routes): Routes {
  const families = [
    { family: 4, dst: "0.0.0.0/0" },
    { family: 6, dst: "::/0" },
  ] as const;
  return families.reduce<Routes>((all, { family, dst }) => {
    const gw = ips.find(({ address }) => parseIpInCidr(address).ip.family === family)?.gateway;
    if (gw === undefined) return all;
    const own = all.filter((route) => isDefault(route.dst, family));
    if (own.some((route) => route.gw)) return all;
    if (own.length === 0) return [...all, { dst, gw }];
    return all.map((route) => (isDefault(route.dst, family) ? { ...route, gw } : route));
  }, routes);
}

function isDefault(destination: string, family: 4 | 6): boolean {
  const { ip, cidr } = parseIpInCidr(destination);
  return ip.family === family && cidr.prefix === 0;
}

function gatewaysOf(config: BridgeConfig, ips: readonly Ip[]): readonly string[] {
  if (!isGateway(config)) return [];
  return [...new Set(ips.map((ip) => `${routerOf(ip, who)}/${prefixOf(ip)}`))];
}

function prefixOf({ address }: Ip): number {
  return parseIpInCidr(address).cidr.prefix;
}

/**
 * The container's address that the runtime or a user asks for.
 *
 * @throws KxError `KX_CNI_CONFIG`.
 */
function requestedMac(request: {
  readonly args: Readonly<Record<string, string>>;
  readonly config: PluginConfig;
}): string | undefined {
  const asked = requestedValue(request, "mac");
  if (asked === undefined) return undefined;
  const mac = typeof asked.value === "string" ? readMac(asked.value) : undefined;
  if (mac !== undefined) return mac;
  const place = asked.from === "CNI_ARGS" ? "MAC of CNI_ARGS" : `${asked.from}.mac`;
  throw new KxError("KX_CNI_CONFIG", `${place} ${JSON.stringify(asked.value)} ${macProblem}`);
}
