import { formatIp, parseCidr, parseIp } from "@kx/core/units";
import { type NftSet, newChain, newRule, newSet, newTable, type Table } from "../nft/codec.ts";
import {
  address,
  ct,
  decide,
  type Expression,
  hasBits,
  inRange,
  isFamily,
  isToThisHost,
  lookup,
  lookupMap,
  masquerade,
  meta,
  nat,
  originalPort,
  payload,
} from "../nft/expressions.ts";
import type { Nft } from "../nft/nft.ts";
import { connectionStatus } from "../nft/numbers.ts";
import type { Attached } from "./attachment-mark.ts";
import { exclusive, makeOnce } from "./nft-once.ts";
import type { OwnedItem } from "./owned-elements.ts";

/** The table of the node's ports that lead to pods: static rules, one element of a map a port. */
export const hostPortTable: Table = { family: "inet", name: "kx_host_ports" };
const [destinationNat, sourceNat] = [-100, 100];
const families = [4, 6] as const;
type Family = (typeof families)[number];
/** Beyond what the key of any of the maps takes. */
const targetRegister = 8;

/** A port of the node that leads to one of a container. */
export interface HostPort {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  /** The one address of the node that has the port. Default: all. */
  readonly hostIp?: string;
}

/** An attachment's ports. */
export interface HostPorts extends Attached {
  /** The container's, one of a family. */
  readonly addresses: readonly string[];
  readonly ports: readonly HostPort[];
  /** Whether the container may reach itself by the node's port, and the node by 127.0.0.1. Default: yes. */
  readonly masquerade?: boolean;
  /** Whether everybody who comes by the node's port is seen as the node. Default: no. */
  readonly masqueradeAll?: boolean;
}

function ipField(family: Family): "ipv4" | "ipv6" {
  return family === 4 ? "ipv4" : "ipv6";
}

const onAll = (family: Family): NftSet => ({
  name: `on_all${family}`,
  key: ["protocol", "port"],
  data: [ipField(family), "port"],
});
const onOne = (family: Family): NftSet => ({
  name: `on_one${family}`,
  key: [ipField(family), "protocol", "port"],
  data: [ipField(family), "port"],
});
/** Pairs of sender and receiver that would not know each other without the node between them. */
const loops = (family: Family): NftSet => ({ name: `loops${family}`, key: [ipField(family), ipField(family)] });
/** Containers' ports, each with that of the node, of which everybody is seen as the node. */
const hidden = (family: Family): NftSet => ({
  name: `hidden${family}`,
  key: [ipField(family), "protocol", "port", "port"],
});
export const hostPortSets: readonly NftSet[] = families.flatMap((family) =>
  [onAll, onOne, loops, hidden].map((set) => set(family)),
);

/** The elements that an attachment's ports are. Each is told once, also if ports say the same twice. */
export function hostPortItems(request: Omit<HostPorts, "owner" | "netns">): readonly OwnedItem[] {
  const { addresses, ports, masquerade: translates = true, masqueradeAll = false } = request;
  const items = addresses.flatMap((text) => {
    const ip = parseIp(text.replace(/\/.*/, ""));
    const own = formatIp(ip);
    const here = ports.filter((port) => isOfFamily(port, ip.family));
    if (here.length === 0) return [];
    const senders = !translates ? [] : ip.family === 4 ? [own, "127.0.0.1"] : [own];
    return [
      ...here.map((port) => mapItem(ip.family, own, port)),
      ...senders.map((from): OwnedItem => ({ set: loops(ip.family), element: { key: [from, own] } })),
      ...(masqueradeAll ? here.map((port) => hiddenItem(ip.family, own, port)) : []),
    ];
  });
  return [...new Map(items.map((item) => [`${item.set.name} ${String(item.element.key)}`, item])).values()];
}

function isOfFamily({ hostIp = "" }: HostPort, family: Family): boolean {
  return hostIp === "" || parseIp(hostIp).family === family;
}

function mapItem(family: Family, ip: string, { hostIp, protocol, hostPort, containerPort }: HostPort): OwnedItem {
  const place = [protocol, String(hostPort)];
  const data = [ip, String(containerPort)];
  if (!isOneAddress(hostIp)) return { set: onAll(family), element: { key: place, data } };
  return { set: onOne(family), element: { key: [formatIp(parseIp(hostIp)), ...place], data } };
}

function hiddenItem(family: Family, ip: string, { protocol, hostPort, containerPort }: HostPort): OwnedItem {
  return { set: hidden(family), element: { key: [ip, protocol, String(containerPort), String(hostPort)] } };
}

/** Whether this is one address of the node, and not all of them: those of a family are `0.0.0.0` and `::`. */
export function isOneAddress(hostIp: string | undefined): hostIp is string {
  return hostIp !== undefined && hostIp !== "" && parseIp(hostIp).value !== 0n;
}

const ipv6Loopback = parseCidr("::1/128");

/** Makes what all attachments share, unless it is there. */
export function makeHostPortTable(nft: Nft): void {
  const chain = (name: string, hook: "prerouting" | "output" | "postrouting", priority: number) =>
    newChain(hostPortTable, { name, base: { type: "nat", hook, priority } });
  const rule = (name: string, expressions: readonly Expression[]) => newRule(hostPortTable, name, { expressions });
  const enter = [...isToThisHost(), decide("jump", "host_ports")];
  makeOnce(nft, [
    newTable(hostPortTable),
    ...hostPortSets.map((set) => newSet(hostPortTable, set)),
    exclusive(newChain(hostPortTable, { name: "host_ports" })),
    chain("prerouting", "prerouting", destinationNat),
    chain("output", "output", destinationNat),
    chain("postrouting", "postrouting", sourceNat),
    ...families.flatMap((family) => [rule("host_ports", toOne(family)), rule("host_ports", toAll(family))]),
    rule("prerouting", enter),
    // What ::1 sends or is sent never leaves the node: translated it would be lost, not refused.
    rule("output", [...isFamily(6), ...inRange("destination", ipv6Loopback), decide("return")]),
    rule("output", enter),
    ...families.flatMap((family) => [
      rule("postrouting", hideSender(family)),
      rule("postrouting", hideEverySender(family)),
    ]),
  ]);
}

/** To one address of the node; that comes before what is for all. */
function toOne(family: Family): readonly Expression[] {
  const after = family === 4 ? 1 : 4;
  const key = [address("destination", family), meta("transportProtocol", after), payload("transport", 2, 2, after + 1)];
  return [...isFamily(family), ...key, ...translate(onOne(family), family)];
}

function toAll(family: Family): readonly Expression[] {
  const key = [meta("transportProtocol"), payload("transport", 2, 2, 1)];
  return [...isFamily(family), ...key, ...translate(onAll(family), family)];
}

function translate(map: NftSet, family: Family): readonly Expression[] {
  const port = targetRegister + (family === 4 ? 1 : 4);
  const to = nat("destination", family === 4 ? "ip" : "ip6", { address: targetRegister, port });
  return [lookupMap(map.name, targetRegister), to];
}

function hideSender(family: Family): readonly Expression[] {
  const key = [address("source", family), address("destination", family, family === 4 ? 1 : 4)];
  return [...isFamily(family), ...key, lookup(loops(family).name), masquerade()];
}

function hideEverySender(family: Family): readonly Expression[] {
  const after = family === 4 ? 1 : 4;
  const key = [
    address("destination", family),
    meta("transportProtocol", after),
    payload("transport", 2, 2, after + 1),
    originalPort(after + 2),
  ];
  const isTranslated = hasBits(ct("status"), connectionStatus.destinationTranslated);
  return [...isFamily(family), ...isTranslated, ...key, lookup(hidden(family).name), masquerade()];
}
