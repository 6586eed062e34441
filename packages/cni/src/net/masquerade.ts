import { type Cidr, formatCidr, formatIp, parseCidr, parseIpInCidr } from "@kx/core/units";
import { type NftSet, newChain, newRule, newSet, newTable, type Table } from "../nft/codec.ts";
import { address, decide, inRange, isFamily, lookup, masquerade } from "../nft/expressions.ts";
import type { Nft } from "../nft/nft.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import { exclusive, makeOnce } from "./nft-once.ts";
import { addOwned, deleteElementsWhere, deleteOwned, type OwnedItem } from "./owned-elements.ts";
import { isOfNetwork, type Owner, ownerComment, shortHash } from "./owner.ts";

/** The table of addresses that go out as the host's; one rule a network and subnet, one element a pod. */
const masqueradeTable: Table = { family: "inet", name: "kx_masquerade" };
const chain = "postrouting";
const sourceNat = 100;
const multicast = [parseCidr("224.0.0.0/4"), parseCidr("ff00::/8")];

/** An attachment's addresses, each with the length of its subnet's prefix. */
export interface Masquerade {
  readonly owner: Owner;
  readonly addresses: readonly string[];
}

/** Lets what the addresses send out of their subnet go out as the host's. */
export function masqueradeAdd({ owner, addresses }: Masquerade): void {
  const nft = sharedNft();
  const comment = ownerComment(owner);
  for (const text of addresses) {
    const pod = podOf(owner.network, text);
    addOwned(nft, masqueradeTable, [itemOf(pod)], comment, () => makeStatic(nft, pod));
  }
}

/** Takes that back, for the addresses that the attachment had; without any, all of its elements are looked for. */
export function masqueradeDelete({ owner, addresses }: Masquerade): void {
  const nft = sharedNft();
  const comment = ownerComment(owner);
  deleteOwned(
    nft,
    masqueradeTable,
    addresses.map((text) => itemOf(podOf(owner.network, text))),
    comment,
  );
  if (addresses.length === 0) deleteWhere(nft, owner.network, (one) => one === comment);
}

/** What is missing, in words. */
export function masqueradeCheck({ owner, addresses }: Masquerade): readonly string[] {
  const nft = sharedNft();
  const comment = ownerComment(owner);
  return addresses.flatMap((text) => {
    const { set, ip } = podOf(owner.network, text);
    const isThere = nft.find(masqueradeTable, set, [[ip]])[0]?.comment === comment;
    const hasRule = nft.rules(masqueradeTable, chain).some((rule) => rule.comment?.endsWith(set.name) === true);
    if (isThere && hasRule) return [];
    return [`${ip} is not masqueraded: ${isThere ? "the rule" : "its element"} of the set ${set.name} is missing`];
  });
}

/** Removes what belongs to none of a network's attachments. Other networks are not touched. */
export function masqueradeCollect(network: string, valid: readonly Owner[]): void {
  const nft = sharedNft();
  const keep = new Set(valid.map(ownerComment));
  deleteWhere(nft, network, (comment) => isOfNetwork(comment, network) && !keep.has(comment ?? ""));
}

interface Pod {
  readonly ip: string;
  readonly subnet: Cidr;
  readonly set: NftSet;
  readonly network: string;
}

function podOf(network: string, text: string): Pod {
  const { ip, cidr } = parseIpInCidr(text);
  const name = `${setPrefix(network)}${shortHash(formatCidr(cidr), 8)}`;
  return { ip: formatIp(ip), subnet: cidr, network, set: { name, key: [ip.family === 4 ? "ipv4" : "ipv6"] } };
}

function itemOf({ set, ip }: Pod): OwnedItem {
  return { set, element: { key: [ip] } };
}

function setPrefix(network: string): string {
  return `pods_${shortHash(network, 12)}_`;
}

/** What makes rules is exclusive, so that of several who find them missing only one adds them. */
function makeStatic(nft: Nft, { set, subnet, network }: Pod): void {
  const base = newChain(masqueradeTable, {
    name: chain,
    base: { type: "nat", hook: "postrouting", priority: sourceNat },
  });
  const rules = multicast.map((range) =>
    newRule(masqueradeTable, chain, {
      expressions: [...isFamily(range.base.family), ...inRange("destination", range), decide("return")],
    }),
  );
  const { family } = subnet.base;
  const expressions = [
    ...isFamily(family),
    address("source", family),
    lookup(set.name),
    ...inRange("destination", subnet, "notEqual"),
    masquerade(),
  ];
  const rule = newRule(masqueradeTable, chain, { expressions, comment: `${network} ${set.name}`.slice(-127) });
  makeOnce(nft, [newTable(masqueradeTable), exclusive(base), ...rules]);
  makeOnce(nft, [exclusive(newSet(masqueradeTable, set)), rule]);
}

function deleteWhere(nft: Nft, network: string, isMeant: (comment: string | undefined) => boolean): void {
  const names = nft.sets(masqueradeTable).filter((name) => name.startsWith(setPrefix(network)));
  // Of sets found by their names the keys are taken as they are.
  deleteElementsWhere(
    nft,
    masqueradeTable,
    names.map((name): NftSet => ({ name, key: ["ipv4"] })),
    isMeant,
  );
}
