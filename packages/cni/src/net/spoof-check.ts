import { errnoOf } from "../netlink/exchange.ts";
import {
  deleteElements,
  type NftSet,
  newChain,
  newElements,
  newRule,
  newSet,
  newTable,
  type Table,
} from "../nft/codec.ts";
import { decide, lookup, meta, payload } from "../nft/expressions.ts";
import { type Nft, openNft } from "../nft/nft.ts";
import { exclusive, makeOnce } from "./nft-once.ts";
import { isOfNetwork, type Owner, ownerComment } from "./owner.ts";

/** The table that drops frames whose sender is not the pod's: one rule for all bridges, two elements a pod. */
export const spoofCheckTable: Table = { family: "bridge", name: "kx_spoof_check" };
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
  using nft = openNft();
  const comment = ownerComment(owner);
  const add = () =>
    nft.transact(
      newElements(spoofCheckTable, senders, [{ key: [hostIfName, mac], comment }]),
      newElements(spoofCheckTable, ports, [{ key: [hostIfName], comment }]),
    );
  try {
    add();
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    makeStatic(nft);
    add();
  }
}

/** Takes that back. Without the address, all elements of the port are looked for. */
export function spoofCheckDelete({ hostIfName, mac }: { readonly hostIfName: string; readonly mac?: string }): void {
  using nft = openNft();
  const isPort = nft.find(spoofCheckTable, ports, [[hostIfName]])[0] !== undefined;
  if (!isPort) return;
  const ofPort = mac === undefined ? sendersOf(nft, hostIfName) : [[hostIfName, mac]];
  const found = ofPort.filter((key) => nft.find(spoofCheckTable, senders, [key])[0] !== undefined);
  nft.transact(
    deleteElements(spoofCheckTable, ports, [{ key: [hostIfName] }]),
    ...found.map((key) => deleteElements(spoofCheckTable, senders, [{ key }])),
  );
}

/** What is missing, in words. */
export function spoofCheckCheck({ hostIfName, mac }: SpoofCheck): readonly string[] {
  using nft = openNft();
  const isWhole =
    nft.find(spoofCheckTable, ports, [[hostIfName]])[0] !== undefined &&
    nft.find(spoofCheckTable, senders, [[hostIfName, mac]])[0] !== undefined &&
    nft.rules(spoofCheckTable, chain).length > 0;
  return isWhole ? [] : [`other senders than ${mac} are not kept out of ${hostIfName}: rule or elements are missing`];
}

/** Removes elements of attachments of a network that are not listed; those of others stay. */
export function spoofCheckCollect(network: string, valid: readonly Owner[]): void {
  using nft = openNft();
  const keep = new Set(valid.map(ownerComment));
  const stale = nft
    .elements(spoofCheckTable, ports.name)
    .filter(({ comment }) => isOfNetwork(comment, network) && !keep.has(comment ?? ""));
  for (const { key } of stale) spoofCheckDelete({ hostIfName: nameOf(key) });
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

function sendersOf(nft: Nft, hostIfName: string): readonly (readonly string[])[] {
  return nft
    .elements(spoofCheckTable, senders.name)
    .filter(({ key }) => nameOf(key) === hostIfName)
    .map(({ key }) => [
      hostIfName,
      Array.from(key.subarray(16, 22), (byte) => byte.toString(16).padStart(2, "0")).join(":"),
    ]);
}

function nameOf(key: Uint8Array): string {
  return new TextDecoder().decode(key.subarray(0, 16)).replace(/\0.*$/s, "");
}
