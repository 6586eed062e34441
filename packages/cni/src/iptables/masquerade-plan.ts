import { formatCidr, parseIpInCidr } from "@kx/core/units";
import { isMarkOf } from "../net/attachment-mark.ts";
import type { Owner } from "../net/owner.ts";
import type { Change, Family } from "./iptables.ts";
import { alone, chainOf, containerComment, markRule, marksIn, requireNotMade } from "./owned-chain.ts";
import { type Command, command, type Rule, removal, type SavedTable, valueOf } from "./rules.ts";

/** An attachment's addresses of one family, each with the length of its subnet's prefix. */
export interface FamilyMasquerade {
  readonly owner: Owner;
  readonly family: Family;
  readonly addresses: readonly string[];
}

const multicast = { 4: "224.0.0.0/4", 6: "ff00::/8" } as const;

/** The rules that the Go plug-ins make: what the address sends comes into the container's chain, and so out as the host's. */
export function masqueradeRules({ owner, family, addresses }: FamilyMasquerade): readonly Rule[] {
  const chain = chainOf(owner);
  const comment = ["-m", "comment", "--comment", containerComment(owner)];
  const subnets = new Set(addresses.map((address) => formatCidr(parseIpInCidr(address).cidr)));
  return [
    ...[...subnets].map((subnet) => ({ chain, args: ["-d", subnet, "-j", "ACCEPT", ...comment] })),
    { chain, args: ["!", "-d", multicast[family], "-j", "MASQUERADE", ...comment] },
    ...addresses.map((address) => ({
      chain: "POSTROUTING",
      args: ["-s", alone(address), "-j", chain, ...comment],
    })),
  ];
}

/**
 * What of that is to be added. Interfaces of a container share its chain; what else is in it is of no use any more.
 *
 * @throws KxError `KX_CNI_INTERFACE` if that was done already.
 */
export function planMasqueradeAdd(
  saved: SavedTable,
  { mark, isGone, ...wanted }: FamilyMasquerade & { readonly mark: string; readonly isGone: (mark: string) => boolean },
): Change {
  const { owner, addresses } = wanted;
  const chain = chainOf(owner);
  const marks = marksIn(saved, chain);
  requireNotMade(marks, owner, isGone, "is masqueraded");
  const isShared = marks.some(({ mark: one }) => !isGone(one) && !isMarkOf(one, owner));
  const rules = masqueradeRules(wanted).filter((rule) => !isShared || !isThere(saved, rule));
  const markRules = addresses.map((address) => markRule(chain, address, mark));
  return {
    commands: [
      ...(isShared ? [] : [...removal(saved, chain), command.newChain(chain)]),
      ...[...rules, ...markRules].map(command.append),
    ],
  };
}

/** What is to be removed: what leads to the chain from the attachment's addresses, and then the chain if nothing else does. */
export function planMasqueradeDelete(
  saved: SavedTable,
  { owner, addresses }: Omit<FamilyMasquerade, "family">,
): Change {
  const chain = chainOf(owner);
  const marks = marksIn(saved, chain);
  const own = marks.filter(({ mark }) => isMarkOf(mark, owner));
  const known = new Set([...addresses.map(alone), ...own.flatMap(({ address }) => address ?? [])]);
  const entries = saved.rules.filter((rule) => valueOf(rule, "-j") === chain);
  const isOthers = (source: string | undefined) =>
    known.size === 0 ? marks.length > 0 : source !== undefined && !known.has(source);
  const others = entries.filter((rule) => isOthers(valueOf(rule, "-s")));
  if (others.length === 0) return { commands: removal(saved, chain) };
  const mine = entries.filter((rule) => !others.includes(rule));
  const rules = [...mine, ...own.map(({ rule }) => rule)];
  return { commands: rules.map((rule): Command => command.remove(rule)) };
}

/** Whether the container's chain has a rule for the same destination. */
function isThere({ rules }: SavedTable, { chain, args }: Rule): boolean {
  const destination = valueOf({ args }, "-d");
  return destination !== undefined && rules.some((one) => one.chain === chain && valueOf(one, "-d") === destination);
}
