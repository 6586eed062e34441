import { KxError } from "@kx/core";
import { formatIp, parseIp } from "@kx/core/units";
import { type Attached, attachmentMark, goneNamespaces, isMarkOf, staleMarks } from "../net/attachment-mark.ts";
import type { Collect } from "../net/collect.ts";
import { deleteElementsWhere, deleteItems, type OwnedItem } from "../net/owned-elements.ts";
import { alreadyMade, isOfNetwork, type Owner } from "../net/owner.ts";
import { errnoOf, type Request } from "../netlink/exchange.ts";
import { deleteElements, newElements, newRule, type Table } from "../nft/codec.ts";
import { decide } from "../nft/expressions.ts";
import type { Nft } from "../nft/nft.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import {
  chains,
  firewallTable,
  foreignChains,
  foreignComment,
  guarded,
  isAccepted,
  isolated,
  isolationTable,
  makeFirewallTable,
  makeIsolationTable,
  own,
  podSets,
  pods,
} from "./table.ts";

/** Who may reach a container from the networks of the node. */
export type IngressPolicy = "open" | "same-bridge" | "isolated";

/** An attachment that is let through. */
export interface Firewall extends Attached {
  readonly addresses: readonly string[];
  readonly policy: IngressPolicy;
  /** The bridge that the container is attached to; needed for policies other than `open`. */
  readonly bridge?: string;
  /** The bridge's port that leads to the container. */
  readonly port?: string;
}

/**
 * Lets a container's packets through, and keeps those of other containers away as the policy says: all of it, or nothing.
 *
 * @throws KxError `KX_CNI_BRIDGE` if a policy needs a bridge that is none; `KX_CNI_INTERFACE` if that was done already.
 */
export function firewallAdd(request: Firewall): void {
  const nft = sharedNft();
  if (request.policy !== "open") requireBridge(request.bridge);
  const mark = attachmentMark(request);
  const isolation = isolationItems(request);
  claim(nft, firewallTable, podItems(request.addresses), { ...request, mark }, makeFirewallTable);
  try {
    claim(nft, isolationTable, isolation, { ...request, mark }, makeIsolationTable);
    setPolicy(nft, request);
    openForeignChains(nft);
  } catch (error) {
    firewallDelete(request);
    throw error;
  }
}

/** Takes that back; without addresses, all elements of the attachment are looked for. What is gone already is no error. */
export function firewallDelete({
  owner,
  addresses = [],
  port,
}: Pick<Firewall, "owner"> & Partial<Pick<Firewall, "addresses" | "port">>): void {
  const nft = sharedNft();
  if (addresses.length === 0) {
    const isOwn = (mark: string | undefined) => isMarkOf(mark, owner);
    deleteElementsWhere(nft, firewallTable, podSets, isOwn);
    return deleteElementsWhere(nft, isolationTable, [isolated], isOwn);
  }
  deleteOwn(nft, firewallTable, podItems(addresses), owner);
  if (port === undefined) deleteElementsWhere(nft, isolationTable, [isolated], (mark) => isMarkOf(mark, owner));
  else deleteOwn(nft, isolationTable, [{ set: isolated, element: { key: [port] } }], owner);
}

/** What is missing, in words. */
export function firewallCheck(request: Firewall): readonly string[] {
  const nft = sharedNft();
  const { owner, policy, bridge } = request;
  const isThere = (table: Table, { set, element }: OwnedItem) =>
    isMarkOf(nft.find(table, set, [element.key])[0]?.comment, owner);
  const isGuarded = bridge !== undefined && isPolicySet(nft, bridge);
  const closed = foreignChains.filter(({ table, chain }) => nft.hasChain(table, chain) && !isOpen(nft, table, chain));
  return [
    ...podItems(request.addresses)
      .filter((item) => !isThere(firewallTable, item))
      .map(({ element }) => `${String(element.key)} is not let through: its element is missing`),
    ...isolationItems(request)
      .filter((item) => !isThere(isolationTable, item))
      .map(({ element }) => `the port ${String(element.key)} is not kept apart: its element is missing`),
    ...(policy === "open" || isGuarded ? [] : [`the bridge ${bridge} is not kept from others: its element is missing`]),
    ...lostChains(nft, firewallTable, chains),
    ...(policy === "isolated" ? lostChains(nft, isolationTable, ["forward"]) : []),
    ...closed.map(({ table, chain }) => `the chain ${chain} of ${table.family} ${table.name} has lost its rule`),
  ];
}

/** Removes what belongs to none of a network's attachments; without a list of those, what has lost its namespace. */
export function firewallCollect({ network, valid }: Collect): void {
  const nft = sharedNft();
  const isStale = staleMarks(network, valid);
  deleteElementsWhere(nft, firewallTable, podSets, isStale);
  deleteElementsWhere(nft, isolationTable, [isolated], isStale);
  const isOfThis = (mark: string | undefined) => isOfNetwork(mark, network);
  const isUsed = podSets.some(({ name }) => nft.elements(firewallTable, name).some(({ comment }) => isOfThis(comment)));
  if (!isUsed) deleteElementsWhere(nft, firewallTable, [guarded, own], isOfThis);
}

/** Adds elements, all or none. An address that another had was given away anew, so that one is gone. */
function claim(
  nft: Nft,
  table: Table,
  items: readonly OwnedItem[],
  { owner, mark }: { readonly owner: Owner; readonly mark: string },
  makeTable: (nft: Nft) => void,
): void {
  const add = items.map(({ set, element }) =>
    newElements(table, set, [{ ...element, comment: mark }], { exclusive: true }),
  );
  try {
    nft.transact(...add);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") makeTable(nft);
    else if (errno !== "EEXIST") throw error;
    nft.transact(...makeRoom(nft, table, items, owner), ...add);
  }
}

/** @throws KxError `KX_CNI_INTERFACE` if this very attachment has one of them, and is still there. */
function makeRoom(nft: Nft, table: Table, items: readonly OwnedItem[], owner: Owner): readonly Request[] {
  const isGone = goneNamespaces();
  return items.flatMap(({ set, element }) => {
    const [found] = nft.find(table, set, [element.key]);
    if (found === undefined) return [];
    if (!isMarkOf(found.comment, owner) || isGone(found.comment)) return [deleteElements(table, set, [element])];
    throw alreadyMade(owner, "is let through");
  });
}

/** Makes a bridge one of those that are kept apart, or not. It stays so: others may be attached to it. */
function setPolicy(nft: Nft, { owner: { network }, bridge, policy }: Firewall): void {
  if (bridge === undefined) return;
  const [found] = nft.find(firewallTable, guarded, [[bridge]]);
  const comment = `${network} bridge`;
  if (policy !== "open") {
    nft.transact(
      newElements(firewallTable, guarded, [{ key: [bridge], comment }]),
      newElements(firewallTable, own, [{ key: [bridge, bridge], comment }]),
    );
  } else if (isOfNetwork(found?.comment, network)) {
    deleteItems(nft, firewallTable, bridgeItems(bridge));
  }
}

function isPolicySet(nft: Nft, bridge: string): boolean {
  return bridgeItems(bridge).every(({ set, element }) => nft.find(firewallTable, set, [element.key])[0] !== undefined);
}

/** Lets marked packets through the chains of iptables, where there are any; else their policies may drop them. */
function openForeignChains(nft: Nft): void {
  for (const { table, chain } of foreignChains) {
    if (!nft.hasChain(table, chain) || isOpen(nft, table, chain)) continue;
    nft.transact(
      newRule(table, chain, { expressions: [...isAccepted(), decide("accept")], comment: foreignComment }, "first"),
    );
  }
}

function isOpen(nft: Nft, table: Table, chain: string): boolean {
  return nft.rules(table, chain).some(({ comment }) => comment === foreignComment);
}

function lostChains(nft: Nft, table: Table, names: readonly string[]): readonly string[] {
  const lost = names.filter((name) => nft.rules(table, name).length === 0);
  return lost.map((name) => `the chain ${name} of ${table.family} ${table.name} has no rules`);
}

function deleteOwn(nft: Nft, table: Table, items: readonly OwnedItem[], owner: Owner): void {
  const isOwn = ({ set, element }: OwnedItem) => isMarkOf(nft.find(table, set, [element.key])[0]?.comment, owner);
  deleteItems(nft, table, items.filter(isOwn));
}

function podItems(addresses: readonly string[]): readonly OwnedItem[] {
  return addresses.map((text) => {
    const ip = parseIp(text.replace(/\/.*/, ""));
    return { set: pods(ip.family), element: { key: [formatIp(ip)] } };
  });
}

function isolationItems({ policy, port }: Firewall): readonly OwnedItem[] {
  return policy === "isolated" && port !== undefined ? [{ set: isolated, element: { key: [port] } }] : [];
}

function bridgeItems(bridge: string): readonly OwnedItem[] {
  return [
    { set: guarded, element: { key: [bridge] } },
    { set: own, element: { key: [bridge, bridge] } },
  ];
}

/** @throws KxError `KX_CNI_BRIDGE` */
export function requireBridge(name: string | undefined): void {
  const host = sharedRtnl();
  if (name !== undefined && host.findLink(name)?.kind === "bridge") return;
  const what = name === undefined ? "the result before names no interface of the node" : `${name} is no bridge`;
  throw new KxError("KX_CNI_BRIDGE", `ingressPolicy needs a bridge: ${what}`, {
    remedy: 'put kx-firewall after kx-bridge, or leave ingressPolicy at "open"',
  });
}
