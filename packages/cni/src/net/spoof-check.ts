import { type NftSet, newChain, newRule, newSet, newTable, type Table } from "../nft/codec.ts";
import { decide, lookup, meta, payload } from "../nft/expressions.ts";
import type { Nft } from "../nft/nft.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import { exclusive, makeOnce } from "./nft-once.ts";
import { addOwned, deleteElementsWhere, deleteOwned, type OwnedItem } from "./owned-elements.ts";
import { isOfNetwork, type Owner, ownerComment } from "./owner.ts";

/** The table that drops frames whose sender is not the pod's: one rule for all bridges, two elements a pod. */
const spoofCheckTable: Table = { family: "bridge", name: "kx_spoof_check" };
const ports: NftSet = { name: "ports", key: ["ifname"] };
const senders: NftSet = { name: "senders", key: ["ifname", "mac"] };
const chain = "prerouting";
/** NF_BR_PRI_NAT_DST_BRIDGED: before anything else looks at a frame. */
const beforeAll = -300;
const ifNameRegisters = 4;

/** A port of a bridge, and the only address that may send through it. */
export interface SpoofCheck {
  readonly owner: Owner;
  readonly hostIfName: string;
  readonly mac: string;
}

/** Lets only frames from that address in through a port. */
export function spoofCheckAdd({ owner, hostIfName, mac }: SpoofCheck): void {
  const nft = sharedNft();
  addOwned(nft, spoofCheckTable, itemsOf(hostIfName, mac), ownerComment(owner), () => makeStatic(nft));
}

/** Takes that back; without the address, all elements of the attachment are looked for. */
export function spoofCheckDelete({
  owner,
  hostIfName,
  mac,
}: Omit<SpoofCheck, "mac"> & { readonly mac?: string }): void {
  const nft = sharedNft();
  const comment = ownerComment(owner);
  if (mac !== undefined) return deleteOwned(nft, spoofCheckTable, itemsOf(hostIfName, mac), comment);
  deleteElementsWhere(nft, spoofCheckTable, [ports, senders], (one) => one === comment);
}

/** What is missing, in words. */
export function spoofCheckCheck({ hostIfName, mac }: SpoofCheck): readonly string[] {
  const nft = sharedNft();
  const isWhole =
    nft.find(spoofCheckTable, ports, [[hostIfName]])[0] !== undefined &&
    nft.find(spoofCheckTable, senders, [[hostIfName, mac]])[0] !== undefined &&
    nft.rules(spoofCheckTable, chain).length > 0;
  return isWhole ? [] : [`other senders than ${mac} are not kept out of ${hostIfName}: rule or elements are missing`];
}

/** Removes elements of attachments of a network that are not listed; those of others stay. */
export function spoofCheckCollect(network: string, valid: readonly Owner[]): void {
  const nft = sharedNft();
  const keep = new Set(valid.map(ownerComment));
  const isStale = (comment: string | undefined) => isOfNetwork(comment, network) && !keep.has(comment ?? "");
  deleteElementsWhere(nft, spoofCheckTable, [ports, senders], isStale);
}

function itemsOf(hostIfName: string, mac: string): readonly OwnedItem[] {
  return [
    { set: senders, element: { key: [hostIfName, mac] } },
    { set: ports, element: { key: [hostIfName] } },
  ];
}

function makeStatic(nft: Nft): void {
  const base = newChain(spoofCheckTable, {
    name: chain,
    base: { type: "filter", hook: "prerouting", priority: beforeAll },
  });
  const expressions = [
    meta("iifName"),
    lookup(ports.name),
    payload("link", 6, 6, ifNameRegisters),
    lookup(senders.name, { inverted: true }),
    decide("drop"),
  ];
  makeOnce(nft, [
    newTable(spoofCheckTable),
    exclusive(base),
    newSet(spoofCheckTable, ports),
    newSet(spoofCheckTable, senders),
    newRule(spoofCheckTable, chain, { expressions, comment: "a pod's port lets only the pod's own address in" }),
  ]);
}
