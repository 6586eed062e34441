import type { Attributes } from "../netlink/attributes.ts";
import { viewOf } from "../netlink/attributes.ts";
import { attributesAfter, type ReadMessage } from "../netlink/message.ts";
import { ipText } from "./ip-bytes.ts";
import { formatMac } from "./mac.ts";
import {
  address,
  addressFlags,
  bridgePort,
  families,
  link,
  linkFlags,
  linkInfo,
  metrics,
  operUp,
  route,
} from "./numbers.ts";

/** A link as the kernel has it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge`; empty for hardware and the loopback. */
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  /** It is set up; whether it works is `isRunning`. */
  readonly isUp: boolean;
  readonly isRunning: boolean;
  readonly isPromiscuous: boolean;
  readonly allMulticast: boolean;
  readonly txQueueLength: number;
  /** Index of the bridge that it is a port of. */
  readonly master: number | undefined;
  /** Index of what it stands on, or of a veth's other end, in that end's namespace. */
  readonly linked: number | undefined;
  readonly group: number;
  readonly altNames: readonly string[];
  /** What it is for, if anybody has said so. */
  readonly alias: string | undefined;
  /** What it is as a bridge's port. */
  readonly port: { readonly hairpin: boolean; readonly isolated: boolean } | undefined;
}

export function readLink({ payload }: ReadMessage): Link {
  const all = attributesAfter(payload, 16);
  const view = viewOf(payload);
  const flags = view.getUint32(8, true);
  const info = all.get(link.info)?.nested;
  const number = (type: number) => all.get(type)?.number;
  return {
    index: view.getInt32(4, true),
    name: all.get(link.name)?.string ?? "",
    kind: info?.get(linkInfo.kind)?.string ?? "",
    mac: formatMac(all.get(link.address)?.bytes ?? new Uint8Array(0)),
    mtu: number(link.mtu) ?? 0,
    isUp: (flags & linkFlags.up) !== 0,
    isRunning: number(link.operState) === operUp,
    isPromiscuous: (flags & linkFlags.promiscuous) !== 0,
    allMulticast: (flags & linkFlags.allMulticast) !== 0,
    txQueueLength: number(link.txQueueLength) ?? 0,
    master: number(link.master),
    linked: number(link.link),
    group: number(link.group) ?? 0,
    altNames: all.get(link.properties)?.list.map((one) => one.string) ?? [],
    alias: all.get(link.alias)?.string,
    port: readPort(info),
  };
}

function readPort(info: Attributes | undefined): Link["port"] {
  if (info?.get(linkInfo.slaveKind)?.string !== "bridge") return undefined;
  const data = info.get(linkInfo.slaveData)?.nested;
  const isOn = (type: number) => data?.get(type)?.number === 1;
  return { hairpin: isOn(bridgePort.hairpin), isolated: isOn(bridgePort.isolated) };
}

/** An address as the kernel has it. */
export interface AddressState {
  readonly index: number;
  readonly family: 4 | 6;
  /** With the length of its prefix. */
  readonly address: string;
  /** 0 everywhere, 253 the link, 254 this host. */
  readonly scope: number;
  /** It is still being asked whether others have it. */
  readonly isTentative: boolean;
  /** Others have it. */
  readonly isDuplicate: boolean;
}

export function readAddress({ payload }: ReadMessage): AddressState {
  const all = attributesAfter(payload, 8);
  const [family = 0, prefix = 0, shortFlags = 0, scope = 0] = payload;
  const flags = all.get(address.flags)?.number ?? shortFlags;
  // IFA_ADDRESS is the other end's where there is one.
  const ip = all.get(address.local) ?? all.get(address.address);
  return {
    index: viewOf(payload).getUint32(4, true),
    family: family === families.ipv4 ? 4 : 6,
    address: `${ip === undefined ? "" : ipText(ip.bytes)}/${prefix}`,
    scope,
    isTentative: (flags & addressFlags.tentative) !== 0,
    isDuplicate: (flags & addressFlags.dadFailed) !== 0,
  };
}

/** A route as the kernel has it. */
export interface RouteState {
  readonly family: 4 | 6;
  readonly destination: string;
  readonly gateway: string | undefined;
  readonly index: number | undefined;
  readonly priority: number;
  readonly table: number;
  /** Whose route it is: 2 the kernel's own, 3 that of ip(8). */
  readonly protocol: number;
  readonly scope: number;
  /** 1 for a route to others; 2 for what is this host's own. */
  readonly kind: number;
  readonly mtu: number | undefined;
  readonly advmss: number | undefined;
}

/** Routes of a message: one, or one for each router that a destination has. */
export function readRoutes({ payload }: ReadMessage): readonly RouteState[] {
  const all = attributesAfter(payload, 12);
  const [familyNumber, prefix = 0, , , shortTable = 0, protocol = 0, scope = 0, kind = 0] = payload;
  const family = familyNumber === families.ipv4 ? 4 : 6;
  const destination = all.get(route.destination);
  const metricList = all.get(route.metrics)?.nested;
  const common = {
    family,
    destination: `${destination === undefined ? (family === 4 ? "0.0.0.0" : "::") : ipText(destination.bytes)}/${prefix}`,
    priority: all.get(route.priority)?.number ?? 0,
    table: all.get(route.table)?.number ?? shortTable,
    protocol,
    scope,
    kind,
    mtu: metricList?.get(metrics.mtu)?.number,
    advmss: metricList?.get(metrics.advmss)?.number,
  } as const;
  const hops = all.get(route.multipath);
  if (hops !== undefined) return readHops(hops.bytes).map((hop) => ({ ...common, ...hop }));
  return [{ ...common, gateway: gatewayOf(all), index: all.get(route.out)?.number }];
}

/** rtnexthop: its length, flags, weight and index, then attributes. */
function readHops(bytes: Uint8Array): readonly Pick<RouteState, "gateway" | "index">[] {
  const hops: Pick<RouteState, "gateway" | "index">[] = [];
  const view = viewOf(bytes);
  for (let offset = 0; offset + 8 <= view.byteLength; ) {
    const size = view.getUint16(offset, true);
    if (size < 8 || offset + size > view.byteLength) break;
    const all = attributesAfter(bytes.subarray(offset, offset + size), 8);
    hops.push({ gateway: gatewayOf(all), index: view.getInt32(offset + 4, true) });
    offset += (size + 3) & ~3;
  }
  return hops;
}

function gatewayOf(all: Attributes): string | undefined {
  const gateway = all.get(route.gateway);
  return gateway === undefined ? undefined : ipText(gateway.bytes);
}
