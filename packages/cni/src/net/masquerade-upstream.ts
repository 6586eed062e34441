import { createHash } from "node:crypto";
import { parseCidr, parseIpInCidr } from "@kx/core/units";
import type { Request } from "../netlink/exchange.ts";
import { deleteRule, newChain, newRule, newTable, type Table } from "../nft/codec.ts";
import { address, compare, decide, type Expression, inRange, isFamily, masquerade } from "../nft/expressions.ts";
import type { Nft } from "../nft/nft.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import { ipBytes } from "../rtnl/ip-bytes.ts";
import type { Masquerade } from "./masquerade.ts";
import { exclusive, makeOnce } from "./nft-once.ts";
import type { Owner } from "./owner.ts";

// The layout of containernetworking/plugins (pkg/ip/ipmasq_nftables_linux.go): a rule a pod, known by its comment.
const table: Table = { family: "inet", name: "cni_plugins_masquerade" };
const checks = "masq_checks";
const commentBytes = 128;

/** As `masqueradeAdd`, in the layout of the Go plug-ins, which then may take it away and the other way round. */
export function upstreamMasqueradeAdd({ owner, addresses }: Masquerade): void {
  const nft = sharedNft();
  makeStatic(nft);
  const stale = nft.rules(table, checks).filter(({ comment }) => isOf(comment, owner));
  const added = addresses.map((text): Request => {
    const { ip, cidr } = parseIpInCidr(text);
    const expressions = [
      ...isFamily(ip.family),
      address("source", ip.family),
      compare(ipBytes(ip)),
      ...inRange("destination", cidr, "notEqual"),
      masquerade(),
    ];
    return newRule(table, checks, { expressions, comment: commentFor(owner) });
  });
  nft.transact(...stale.map(({ handle }) => deleteRule(table, checks, handle)), ...added);
}

export function upstreamMasqueradeDelete({ owner }: Pick<Masquerade, "owner">): void {
  const nft = sharedNft();
  const own = nft.rules(table, checks).filter(({ comment }) => isOf(comment, owner));
  nft.transact(...own.map(({ handle }) => deleteRule(table, checks, handle)));
}

/** What is missing, in words. */
export function upstreamMasqueradeCheck({ owner, addresses }: Masquerade): readonly string[] {
  const nft = sharedNft();
  const count = nft.rules(table, checks).filter(({ comment }) => isOf(comment, owner)).length;
  return count >= addresses.length ? [] : [`${addresses.length - count} rules of ${table.name} are missing`];
}

/** Removes what belongs to none of a network's attachments. */
export function upstreamMasqueradeCollect(network: string, valid: readonly Owner[]): void {
  const nft = sharedNft();
  const keep = new Set(valid.map(commentFor));
  const stale = nft
    .rules(table, checks)
    .filter(({ comment }) => comment?.startsWith(`${hash(network)}-`) === true && !keep.has(comment));
  nft.transact(...stale.map(({ handle }) => deleteRule(table, checks, handle)));
}

function makeStatic(nft: Nft): void {
  const base = newChain(table, { name: "postrouting", base: { type: "nat", hook: "postrouting", priority: 100 } });
  const leave = ["224.0.0.0/4", "ff00::/8"]
    .map(parseCidr)
    .map((range) => [...isFamily(range.base.family), ...inRange("destination", range), decide("return")]);
  const rule = (expressions: readonly Expression[]) => newRule(table, "postrouting", { expressions });
  makeOnce(nft, [
    newTable(table),
    newChain(table, { name: checks }),
    exclusive(base),
    ...leave.map(rule),
    rule([decide("goto", checks)]),
  ]);
}

function commentFor({ network, containerId, ifName }: Owner): string {
  return `${marks({ network, containerId, ifName })}, net: ${network}, if: ${ifName}, id: ${containerId}`.slice(
    0,
    commentBytes,
  );
}

function isOf(comment: string | undefined, owner: Owner): boolean {
  return comment?.startsWith(marks(owner)) === true;
}

function marks({ network, containerId, ifName }: Owner): string {
  return `${hash(network)}-${hash(`${ifName}:${containerId}`)}`;
}

function hash(text: string): string {
  return createHash("sha512").update(text).digest("hex").slice(0, 16);
}
