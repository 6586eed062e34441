import { formatIp, parseIp } from "@kx/core/units";
import { type NftSet, newChain, newRule, newSet, newTable, type Table } from "../nft/codec.ts";
import {
  address,
  decide,
  type Expression,
  isFamily,
  isToThisHost,
  lookup,
  lookupMap,
  masquerade,
  meta,
  nat,
  payload,
} from "../nft/expressions.ts";
import type { Nft } from "../nft/nft.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import { exclusive, makeOnce } from "./nft-once.ts";
import { addOwned, deleteElementsWhere, deleteOwned, type OwnedItem } from "./owned-elements.ts";
import { isOfNetwork, type Owner, ownerComment } from "./owner.ts";
import { writeSysctl } from "./sysctl.ts";

/** The table of the node's ports that lead to pods: static rules, one element of a map a port. */
const hostPortTable: Table = { family: "inet", name: "kx_host_ports" };
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
export interface HostPorts {
  readonly owner: Owner;
  /** The container's, one of a family. */
  readonly addresses: readonly string[];
  readonly ports: readonly HostPort[];
  /** Whether the container may reach itself by the node's port, and the node by 127.0.0.1. Default: yes. */
  readonly masquerade?: boolean;
  /** The node's interface by which it reaches the container; needed for 127.0.0.1. */
  readonly hostInterface?: string;
}

/** Lets the node's ports lead to the container's. A port that was another's is the container's now. */
export function hostPortsAdd(request: HostPorts): void {
  const items = itemsOf(request);
  if (items.length === 0) return;
  const { owner, hostInterface, masquerade: translates = true } = request;
  if (translates && hostInterface !== undefined) {
    writeSysctl(["net", "ipv4", "conf", hostInterface, "route_localnet"], "1");
  }
  const nft = sharedNft();
  addOwned(nft, hostPortTable, items, ownerComment(owner), () => makeStatic(nft));
}

/** Takes that back; without ports, all elements of the attachment are looked for. */
export function hostPortsDelete(request: Pick<HostPorts, "owner"> & Partial<HostPorts>): void {
  const nft = sharedNft();
  const { owner, addresses = [], ports = [] } = request;
  const comment = ownerComment(owner);
  const items = itemsOf({ ...request, addresses, ports });
  if (items.length > 0) return deleteOwned(nft, hostPortTable, items, comment);
  deleteElementsWhere(nft, hostPortTable, allSets, (one) => one === comment);
}

/** What is missing, in words. */
export function hostPortsCheck(request: HostPorts): readonly string[] {
  const nft = sharedNft();
  const comment = ownerComment(request.owner);
  const missing = itemsOf(request).filter(
    ({ set, element }) => nft.find(hostPortTable, set, [element.key])[0]?.comment !== comment,
  );
  const elements = missing.map(({ set, element }) => `the element ${shown(element.key)} of ${set.name} is missing`);
  const lost = ["prerouting", "output", "host_ports", "postrouting"].filter(
    (name) => nft.rules(hostPortTable, name).length === 0,
  );
  return [...elements, ...lost.map((name) => `the chain ${name} of ${hostPortTable.name} has no rules`)];
}

/** Removes what belongs to none of a network's attachments. */
export function hostPortsCollect(network: string, valid: readonly Owner[]): void {
  const nft = sharedNft();
  const keep = new Set(valid.map(ownerComment));
  const isStale = (comment: string | undefined) => isOfNetwork(comment, network) && !keep.has(comment ?? "");
  deleteElementsWhere(nft, hostPortTable, allSets, isStale);
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
const allSets = families.flatMap((family) => [onAll(family), onOne(family), loops(family)]);

function itemsOf({ addresses, ports, masquerade: translates = true }: HostPorts): readonly OwnedItem[] {
  return addresses.flatMap((text) => {
    const ip = parseIp(text.replace(/\/.*/, ""));
    const own = formatIp(ip);
    const mapped = ports.flatMap((port) => mapItem(ip.family, own, port));
    const senders = ip.family === 4 ? [own, "127.0.0.1"] : [own];
    const looped = senders.map((from): OwnedItem => ({ set: loops(ip.family), element: { key: [from, own] } }));
    return mapped.length > 0 && translates ? [...mapped, ...looped] : mapped;
  });
}

function mapItem(
  family: Family,
  ip: string,
  { hostIp, protocol, hostPort, containerPort }: HostPort,
): readonly OwnedItem[] {
  const place = [protocol, String(hostPort)];
  const data = [ip, String(containerPort)];
  if (hostIp === undefined || hostIp === "") return [{ set: onAll(family), element: { key: place, data } }];
  const on = parseIp(hostIp);
  if (on.family !== family) return [];
  if (on.value === 0n) return [{ set: onAll(family), element: { key: place, data } }];
  return [{ set: onOne(family), element: { key: [formatIp(on), ...place], data } }];
}

function makeStatic(nft: Nft): void {
  const chain = (name: string, hook: "prerouting" | "output" | "postrouting", priority: number) =>
    newChain(hostPortTable, { name, base: { type: "nat", hook, priority } });
  const rule = (name: string, expressions: readonly Expression[]) => newRule(hostPortTable, name, { expressions });
  const enter = [...isToThisHost(), decide("jump", "host_ports")];
  makeOnce(nft, [
    newTable(hostPortTable),
    ...allSets.map((set) => newSet(hostPortTable, set)),
    exclusive(newChain(hostPortTable, { name: "host_ports" })),
    chain("prerouting", "prerouting", destinationNat),
    chain("output", "output", destinationNat),
    chain("postrouting", "postrouting", sourceNat),
    ...families.flatMap((family) => [rule("host_ports", toOne(family)), rule("host_ports", toAll(family))]),
    rule("prerouting", enter),
    rule("output", enter),
    ...families.map((family) => rule("postrouting", hideSender(family))),
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

function shown(key: OwnedItem["element"]["key"]): string {
  return Array.isArray(key) ? key.join(" . ") : "";
}
