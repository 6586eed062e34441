import { type Cidr, formatCidr, parseCidr, parseIp } from "@kx/core/units";
import { type Attribute, bytes, nest, u32, viewOf } from "../netlink/attributes.ts";
import type { Request } from "../netlink/exchange.ts";
import { messageFlags } from "../netlink/message.ts";
import { familyOf, ipBytes } from "./ip-bytes.ts";
import { parseMac } from "./mac.ts";
import {
  bootProtocol,
  families,
  metrics,
  neighbour,
  onLink,
  route,
  routeKind,
  routeScope,
  routeTable,
  types,
} from "./numbers.ts";

/** A route out of a link. */
export interface LinkRoute {
  readonly index: number;
  /** `10.1.0.0/16`, or `0.0.0.0/0` for all. */
  readonly destination: string;
  /** The next router. Default: none, the destination is at the link itself. */
  readonly gateway?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  /** Default: the main table. */
  readonly table?: number;
  /** Default: the link's with no gateway, else everywhere. */
  readonly scope?: number;
  /** Whether the gateway is at the link although no address says so. */
  readonly onLink?: boolean;
  /** The address to send from. */
  readonly source?: string;
  /** Whose route it is, a number of the kernel's. Default: 3, that of ip(8). */
  readonly protocol?: number;
}

/** `append` lets a destination have several routers; `replace` puts it in another's place. Default: `EEXIST`. */
export function newRoute(of: LinkRoute, mode?: "append" | "replace"): Request {
  const flags = mode === undefined ? messageFlags.exclusive : messageFlags[mode];
  return {
    ...routeRequest(types.newRoute, of),
    flags: messageFlags.create | flags,
    what: `add the route ${routeText(of)}`,
  };
}

/** `ESRCH` if there is none. */
export function deleteRoute(of: LinkRoute): Request {
  return { ...routeRequest(types.delRoute, of), what: `delete the route ${routeText(of)}` };
}

/** The routes of a table, or of all. */
export function listRoutes(filter: { readonly family?: 4 | 6; readonly table?: number } = {}): Request {
  const { family = 4, table } = filter;
  const header = new Uint8Array(12);
  header[0] = family === 4 ? families.ipv4 : families.ipv6;
  const attributes = table === undefined ? [] : [u32(route.table, table)];
  return { what: `list IPv${family} routes`, type: types.getRoute, flags: 0, header, attributes };
}

/** A neighbour that is never asked for. */
export interface Neighbour {
  readonly index: number;
  readonly ip: string;
  readonly mac: string;
}

export function newNeighbour(of: Neighbour): Request {
  return {
    ...neighbourRequest(types.newNeighbour, of, [bytes(neighbour.linkAddress, parseMac(of.mac))]),
    flags: messageFlags.create | messageFlags.replace,
    what: `tell the link ${of.index} that ${of.ip} is at ${of.mac}`,
  };
}

/** `ENOENT` if there is none. */
export function deleteNeighbour(of: Omit<Neighbour, "mac">): Request {
  return { ...neighbourRequest(types.delNeighbour, of, []), what: `forget ${of.ip} at the link ${of.index}` };
}

function routeText({ destination, gateway, index }: LinkRoute): string {
  return `${destination}${gateway === undefined ? "" : ` via ${gateway}`} at the link ${index}`;
}

function routeRequest(type: number, of: LinkRoute): Request {
  const destination = parseCidr(of.destination);
  const number = (attribute: number, value: number | undefined) => (value === undefined ? [] : [u32(attribute, value)]);
  const metricList = [...number(metrics.mtu, of.mtu), ...number(metrics.advmss, of.advmss)];
  return {
    what: formatCidr(destination),
    type,
    flags: 0,
    header: routeHeader(of, destination),
    attributes: [
      ...(destination.prefix === 0 ? [] : [bytes(route.destination, ipBytes(destination.base))]),
      u32(route.out, of.index),
      ...(of.gateway === undefined ? [] : gatewayAttribute(of.gateway, destination)),
      ...(of.source === undefined ? [] : [bytes(route.source, ipBytes(parseIp(of.source)))]),
      ...number(route.priority, of.priority),
      ...number(route.table, of.table),
      ...(metricList.length === 0 ? [] : [nest(route.metrics, metricList)]),
    ],
  };
}

function gatewayAttribute(gateway: string, destination: Cidr): readonly Attribute[] {
  const ip = parseIp(gateway);
  if (ip.family === destination.base.family) return [bytes(route.gateway, ipBytes(ip))];
  // RTA_VIA: a router of the other family.
  const family = new Uint8Array(Uint16Array.of(familyOf(ip)).buffer);
  return [bytes(18, Uint8Array.of(...family, ...ipBytes(ip)))];
}

/** rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, kind; flags. */
function routeHeader(of: LinkRoute, { base, prefix }: Cidr): Uint8Array {
  const table = of.table ?? routeTable.main;
  const scope = of.scope ?? (of.gateway === undefined && base.family === 4 ? routeScope.link : routeScope.universe);
  const header = new Uint8Array(12);
  // A table's number that has no room here stands in an attribute.
  const { protocol = bootProtocol } = of;
  header.set([familyOf(base), prefix, 0, 0, table < 256 ? table : 0, protocol, scope, routeKind.unicast]);
  viewOf(header).setUint32(8, of.onLink === true ? onLink : 0, true);
  return header;
}

function neighbourRequest(type: number, { index, ip }: Omit<Neighbour, "mac">, more: readonly Attribute[]): Request {
  const parsed = parseIp(ip);
  const header = new Uint8Array(12);
  header[0] = familyOf(parsed);
  const view = viewOf(header);
  view.setInt32(4, index, true);
  view.setUint16(8, neighbour.permanent, true);
  return { what: ip, type, flags: 0, header, attributes: [bytes(neighbour.destination, ipBytes(parsed)), ...more] };
}
