import { KxError } from "@kx/core";
import { errnoOf, type Request } from "../netlink/exchange.ts";
import { deleteElements, newElements } from "../nft/codec.ts";
import { encodeFields } from "../nft/fields.ts";
import type { Nft } from "../nft/nft.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import { attachmentMark, describeMark, goneNamespaces, isMarkOf, staleMarks } from "./attachment-mark.ts";
import type { Collect } from "./collect.ts";
import { forgetOldFlows, letLoopbackOut } from "./host-ports-settle.ts";
import { type HostPorts, hostPortItems, hostPortSets, hostPortTable, makeHostPortTable } from "./host-ports-table.ts";
import { upstreamHostPortsCollect, upstreamHostPortsDelete } from "./host-ports-upstream.ts";
import { deleteElementsWhere, deleteItems, type OwnedItem } from "./owned-elements.ts";

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
  letLoopbackOut(request);
  claim(sharedNft(), items, attachmentMark(request));
  return forgetOldFlows(request);
}

/** Takes that back, in either layout; without ports or addresses, all elements of the attachment are looked for. What is gone is no error. */
export function hostPortsDelete(request: Pick<HostPorts, "owner"> & Partial<HostPorts>): void {
  const nft = sharedNft();
  const { owner, addresses = [], ports = [] } = request;
  upstreamHostPortsDelete(owner);
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
  const isStale = staleMarks(network, valid);
  deleteElementsWhere(sharedNft(), hostPortTable, hostPortSets, isStale);
  upstreamHostPortsCollect(isStale);
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
