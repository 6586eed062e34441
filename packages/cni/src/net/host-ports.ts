import { KxError } from "@kx/core";
import { formatIp, parseIp } from "@kx/core/units";
import { errnoOf, type Request } from "../netlink/exchange.ts";
import { deleteElements, newElements } from "../nft/codec.ts";
import { encodeFields } from "../nft/fields.ts";
import type { Nft } from "../nft/nft.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import { findWay } from "../rtnl/route-lookup.ts";
import { openRtnl } from "../rtnl/rtnl.ts";
import { attachmentMark, describeMark, goneNamespaces, isMarkOf, staleMarks } from "./attachment-mark.ts";
import type { Collect } from "./collect.ts";
import { forgetUdpFlows, type UdpFlow } from "./conntrack.ts";
import {
  type HostPort,
  type HostPorts,
  hostPortItems,
  hostPortSets,
  hostPortTable,
  isOneAddress,
  makeHostPortTable,
} from "./host-ports-table.ts";
import { deleteElementsWhere, deleteItems, type OwnedItem } from "./owned-elements.ts";
import { writeSysctl } from "./sysctl.ts";

export type { HostPort, HostPorts } from "./host-ports-table.ts";

/**
 * Lets the node's ports lead to the container's: all of them, or none.
 *
 * @returns what did not matter enough to fail, in words.
 * @throws KxError `KX_CNI_HOST_PORT` if another has one of them, whose network namespace is still there.
 */
export function hostPortsAdd(request: HostPorts): readonly string[] {
  const items = hostPortItems(request);
  if (items.length === 0) return [];
  if (request.masquerade !== false) letLoopbackOut(request.addresses);
  claim(sharedNft(), items, attachmentMark(request));
  return forgetOldFlows(request);
}

/** Takes that back; without ports or addresses, all elements of the attachment are looked for. What is gone is no error. */
export function hostPortsDelete(request: Pick<HostPorts, "owner"> & Partial<HostPorts>): void {
  const nft = sharedNft();
  const { owner, addresses = [], ports = [] } = request;
  const items = hostPortItems({ ...request, addresses, ports });
  if (items.length === 0) {
    deleteElementsWhere(nft, hostPortTable, hostPortSets, (mark) => isMarkOf(mark, owner));
    return;
  }
  const own = items.filter(({ set, element }) => {
    const [found] = nft.find(hostPortTable, set, [element.key]);
    return isMarkOf(found?.comment, owner);
  });
  deleteItems(nft, hostPortTable, own);
}

/** What is missing, in words. */
export function hostPortsCheck(request: HostPorts): readonly string[] {
  const nft = sharedNft();
  const missing = hostPortItems(request).flatMap((item) => {
    const [found] = nft.find(hostPortTable, item.set, [item.element.key]);
    if (found === undefined) return [`${shownItem(item)} is missing`];
    return isMarkOf(found.comment, request.owner) && isTarget(found.data, item)
      ? []
      : [`${shownItem(item)} is that of ${describeMark(found.comment)}`];
  });
  const lost = ["prerouting", "output", "host_ports", "postrouting"].filter(
    (name) => nft.rules(hostPortTable, name).length === 0,
  );
  return [...new Set(missing), ...lost.map((name) => `the chain ${name} of ${hostPortTable.name} has no rules`)];
}

/** Removes what belongs to none of a network's attachments; without a list of those, what has lost its namespace. */
export function hostPortsCollect({ network, valid }: Collect): void {
  deleteElementsWhere(sharedNft(), hostPortTable, hostPortSets, staleMarks(network, valid));
}

/** Adds elements, all or none; those of attachments whose namespace is gone make room. */
function claim(nft: Nft, items: readonly OwnedItem[], mark: string): void {
  const add = items.map(({ set, element }) =>
    newElements(hostPortTable, set, [{ ...element, comment: mark }], { exclusive: true }),
  );
  try {
    nft.transact(...add);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") makeHostPortTable(nft);
    else if (errno !== "EEXIST") throw error;
    nft.transact(...dropStale(nft, items), ...add);
  }
}

/** @throws KxError `KX_CNI_HOST_PORT` if there is one that is not stale. */
function dropStale(nft: Nft, items: readonly OwnedItem[]): readonly Request[] {
  const isGone = goneNamespaces();
  const held = items.flatMap((item) => {
    const [found] = nft.find(hostPortTable, item.set, [item.element.key]);
    return found === undefined ? [] : [{ item, mark: found.comment }];
  });
  // An address that was given away anew says by itself that the one who had it is gone.
  const living = held.filter(({ item, mark }) => item.element.data !== undefined && !isGone(mark));
  const [first] = living;
  if (first !== undefined) {
    throw new KxError(
      "KX_CNI_HOST_PORT",
      [...new Set(living.map(({ item, mark }) => `${shownItem(item)} is that of ${describeMark(mark)}`))].join("; "),
      { details: { holders: living.map(({ mark }) => mark) } },
    );
  }
  return held.map(({ item: { set, element } }) => deleteElements(hostPortTable, set, [element]));
}

/** Lets packets from 127.0.0.1 leave the node by the interfaces that lead to the container. */
function letLoopbackOut(addresses: readonly string[]): void {
  const ipv4 = addresses.filter((address) => !address.includes(":"));
  if (ipv4.length === 0) return;
  using rtnl = openRtnl();
  for (const address of ipv4) {
    const index = findWay(rtnl, plain(address))?.index;
    const name = index === undefined ? undefined : rtnl.findLink(index)?.name;
    if (name !== undefined) writeSysctl(["net", "ipv4", "conf", name, "route_localnet"], "1");
  }
}

/** Flows of UDP by these ports are remembered as they went before: to the node itself, to nobody, or to another. */
function forgetOldFlows({ addresses, ports }: HostPorts): readonly string[] {
  const udp = ports.filter(({ protocol }) => protocol === "udp");
  if (udp.length === 0) return [];
  const own = addresses.map(plain);
  using rtnl = openRtnl();
  const isBy = ({ destination, port }: UdpFlow, { hostPort, hostIp }: HostPort) =>
    port === hostPort &&
    (isOneAddress(hostIp) ? destination === plain(hostIp) : findWay(rtnl, destination)?.isLocal === true);
  const numbers = new Set(udp.map(({ hostPort }) => hostPort));
  const isOld = (flow: UdpFlow) => !own.includes(flow.answerer) && udp.some((port) => isBy(flow, port));
  try {
    for (const address of own) forgetUdpFlows(parseIp(address).family, numbers, isOld);
    return [];
  } catch (error) {
    // They end by themselves after a while.
    return [KxError.from(error).reason];
  }
}

function isTarget(data: Uint8Array | undefined, { set, element }: OwnedItem): boolean {
  if (set.data === undefined || !Array.isArray(element.data)) return true;
  return Buffer.compare(data ?? new Uint8Array(0), encodeFields(set.data, element.data)) === 0;
}

function shownItem({ set, element: { key } }: OwnedItem): string {
  const parts: readonly string[] = Array.isArray(key) ? key : [];
  if (set.data === undefined) return `the element ${parts.join(" . ")} of ${set.name}`;
  const [port = "", protocol = "", ip] = parts.toReversed();
  return `the node's port ${port}/${protocol}${ip === undefined ? "" : ` of ${ip}`}`;
}

/** An address as the kernel writes it, without the length of its prefix. */
function plain(address: string): string {
  return formatIp(parseIp(address.replace(/\/.*/, "")));
}
