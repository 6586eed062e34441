import type { Change, Family } from "../iptables/iptables.ts";
import { alone, type FoundMark, markRule, marksIn, requireNotMade } from "../iptables/owned-chain.ts";
import { type Command, command, type Rule, type SavedTable, type SharedRules, valueOf } from "../iptables/rules.ts";
import { isMarkOf } from "../net/attachment-mark.ts";
import type { Owner } from "../net/owner.ts";
import type { Firewall } from "./data-path.ts";

/** An attachment's addresses of one family by iptables. */
export interface IptablesFirewall extends Firewall {
  readonly family: Family;
  /** The chain for the administrator's own rules. */
  readonly adminChain: string;
}

/** The chain with the rules of all containers. */
export const forwardChain = "CNI-FORWARD";
/**
 * A chain to which no packet comes: it says whose the addresses are, which the Go plug-in's rules do not tell.
 */
export const ownersChain = "CNI-KX-OWNERS";
const [stage1, stage2] = ["CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2"];

const comment = (text: string) => ["-m", "comment", "--comment", text];

/** What all containers share, and those of a bridge with a policy. */
export function sharedRules({ adminChain, policy, bridge = "" }: IptablesFirewall): SharedRules {
  const isolation = policy === "open" ? [] : isolationRules(bridge, policy);
  return {
    chains: [forwardChain, adminChain, ownersChain, ...(policy === "open" ? [] : [stage1, stage2])],
    rules: [
      { chain: "FORWARD", args: [...comment("CNI firewall plugin rules"), "-j", forwardChain], first: true },
      {
        chain: forwardChain,
        args: [...comment("CNI firewall plugin admin overrides"), "-j", adminChain],
        first: true,
      },
      ...isolation,
    ],
  };
}

/** A container's own rules: what it sends, and what answers that. */
export function addressRules({ addresses }: Pick<IptablesFirewall, "addresses">): readonly Rule[] {
  return addresses.map(alone).flatMap((address) => [
    {
      chain: forwardChain,
      args: ["-d", address, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"],
    },
    { chain: forwardChain, args: ["-s", address, "-j", "ACCEPT"] },
  ]);
}

/**
 * What is to be added. An address that another had was given away anew, so that one is gone.
 *
 * @throws KxError `KX_CNI_INTERFACE` if that was done already.
 */
export function planFirewallAdd(
  saved: SavedTable,
  request: IptablesFirewall & { readonly mark: string; readonly isGone: (mark: string) => boolean },
): Change {
  const { owner, addresses, mark, isGone } = request;
  const marks = marksIn(saved, ownersChain);
  requireNotMade(marks, owner, isGone, "is let through");
  const wanted = addresses.map(alone);
  const old = marks.filter((one) => isMarkOf(one.mark, owner) || wanted.includes(one.address ?? ""));
  const rules = [...addressRules(request), ...wanted.map((address) => markRule(ownersChain, address, mark))];
  return {
    shared: sharedRules(request),
    commands: [...planRemoval(saved, old, wanted), ...rules.map(command.append)],
  };
}

/** What is to be removed, but for addresses that are another's by now. */
export function planFirewallDelete(saved: SavedTable, owner: Owner, addresses: readonly string[]): Change {
  const marks = marksIn(saved, ownersChain);
  const isOwn = ({ mark }: FoundMark) => isMarkOf(mark, owner);
  const free = addresses.map(alone).filter((one) => !marks.some((mark) => mark.address === one && !isOwn(mark)));
  return { commands: planRemoval(saved, marks.filter(isOwn), free) };
}

/** What is to be removed of attachments that are gone; rules that the Go plug-in made do not tell whose they are. */
export function planFirewallCollect(saved: SavedTable, isStale: (mark: string) => boolean): Change {
  const stale = marksIn(saved, ownersChain).filter(({ mark }) => isStale(mark));
  return { commands: planRemoval(saved, stale, []) };
}

/** Removes marks, and the rules for their addresses and others. */
function planRemoval(
  { rules }: SavedTable,
  marks: readonly FoundMark[],
  addresses: readonly string[],
): readonly Command[] {
  const all = new Set([...addresses, ...marks.flatMap(({ address }) => address ?? [])]);
  const isMeant = (address: string | undefined) => address !== undefined && all.has(address);
  const own = rules.filter(
    (rule) =>
      rule.chain === forwardChain &&
      valueOf(rule, "-j") === "ACCEPT" &&
      (isMeant(valueOf(rule, "-s")) || isMeant(valueOf(rule, "-d"))),
  );
  return [...own, ...marks.map(({ rule }) => rule)].map(command.remove);
}

/** A packet that leaves a bridge with a policy comes to the second stage, and is dropped there before another such bridge. */
function isolationRules(bridge: string, policy: "same-bridge" | "isolated"): readonly Rule[] {
  const ofPolicy = (name: string) => comment(`CNI firewall plugin rules (ingressPolicy: ${name})`);
  const all = ofPolicy("same-bridge|isolated");
  const within = { chain: stage1, args: ["-i", bridge, "-o", bridge, "-j", "DROP", ...ofPolicy(policy)], first: true };
  return [
    { chain: "FORWARD", args: ["-j", stage1, ...all], first: true },
    { chain: stage1, args: ["-i", bridge, "!", "-o", bridge, "-j", stage2, ...ofPolicy(policy)], first: true },
    ...(policy === "isolated" ? [within] : []),
    { chain: stage1, args: ["-j", "RETURN", ...all] },
    { chain: stage2, args: ["-o", bridge, "-j", "DROP", ...all], first: true },
    { chain: stage2, args: ["-j", "RETURN", ...all] },
  ];
}
