import { type Cidr, formatCidr, formatIp, parseCidr, parseIpInCidr } from "@kx/core/units";
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
import { address, decide, inRange, isFamily, lookup, masquerade } from "../nft/expressions.ts";
import { type ElementState, type Nft, openNft } from "../nft/nft.ts";
import { ipText } from "../rtnl/ip-bytes.ts";
import { exclusive, makeOnce } from "./nft-once.ts";
import { isOfNetwork, type Owner, ownerComment, shortHash } from "./owner.ts";

/** The table of addresses that go out as the host's; one rule a network and subnet, one element a pod. */
export const masqueradeTable: Table = { family: "inet", name: "kx_masquerade" };
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
  using nft = openNft();
  for (const text of addresses) addPod(nft, podOf(owner.network, text), ownerComment(owner));
}

/** Takes that back, for the addresses that the attachment had; without any, all of its elements are looked for. */
export function masqueradeDelete({ owner, addresses }: Masquerade): void {
  using nft = openNft();
  const comment = ownerComment(owner);
  for (const text of addresses) deleteOwn(nft, podOf(owner.network, text), comment);
  if (addresses.length === 0) deleteWhere(nft, owner.network, (one) => one === comment);
}

/** What is missing, in words. */
export function masqueradeCheck({ owner, addresses }: Masquerade): readonly string[] {
  using nft = openNft();
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
  using nft = openNft();
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

function setPrefix(network: string): string {
  return `pods_${shortHash(network, 12)}_`;
}

function addPod(nft: Nft, pod: Pod, comment: string): void {
  const add = newElements(masqueradeTable, pod.set, [{ key: [pod.ip], comment }], { exclusive: true });
  try {
    nft.transact(add);
  } catch (error) {
    // Nearly always everything but the element is there.
    if (errnoOf(error) === "ENOENT") {
      makeStatic(nft, pod);
      addPod(nft, pod, comment);
    } else if (errnoOf(error) === "EEXIST") {
      // Its owner before was never deleted, or will be: the address is another's now.
      nft.transact(deleteElements(masqueradeTable, pod.set, [{ key: [pod.ip] }]), add);
    } else throw error;
  }
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

function deleteOwn(nft: Nft, { set, ip }: Pod, comment: string): void {
  const [found] = nft.find(masqueradeTable, set, [[ip]]);
  if (found?.comment === comment) deleteIfThere(nft, set, ip);
}

function deleteWhere(nft: Nft, network: string, isMeant: (comment: ElementState["comment"]) => boolean): void {
  for (const name of nft.sets(masqueradeTable).filter((one) => one.startsWith(setPrefix(network)))) {
    for (const one of nft.elements(masqueradeTable, name).filter(({ comment }) => isMeant(comment))) {
      const set: NftSet = { name, key: [one.key.byteLength === 4 ? "ipv4" : "ipv6"] };
      deleteIfThere(nft, set, ipText(one.key));
    }
  }
}

function deleteIfThere(nft: Nft, set: NftSet, ip: string): void {
  try {
    nft.transact(deleteElements(masqueradeTable, set, [{ key: [ip] }]));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
