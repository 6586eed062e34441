import { hash } from "node:crypto";
import { cidrOf, formatCidr, ipBits, parseIp } from "@kx/core/units";
import { isMarkOf } from "../net/attachment-mark.ts";
import { alreadyMade, isOfNetwork, type Owner } from "../net/owner.ts";
import { type Rule, type SavedRule, type SavedTable, valueOf } from "./rules.ts";

const chainLength = 28;
const markPrefix = "kx ";

/** An attachment's mark, with the address that it stands for. */
export interface FoundMark {
  readonly mark: string;
  readonly address: string | undefined;
  readonly rule: SavedRule;
}

/** The name that the Go plug-ins give to the chain of a container, by which either side finds it. */
export function chainOf({ network, containerId }: Owner, kind: "" | "DN-" = ""): string {
  return `CNI-${kind}${hash("sha512", `${network}${containerId}`)}`.slice(0, chainLength);
}

/** The Go plug-ins' comment of what belongs to a container. */
export function containerComment({ network, containerId }: Owner): string {
  return `name: ${JSON.stringify(network)} id: ${JSON.stringify(containerId)}`;
}

/**
 * A rule that does nothing and says whose its chain or its address is: the Go plug-ins' own comments do not tell interfaces,
 * nor whether their containers can still be there.
 */
export function markRule(chain: string, address: string, mark: string): Rule {
  return { chain, args: ["-s", alone(address), "-m", "comment", "--comment", `${markPrefix}${mark}`] };
}

/** The marks in a chain. */
export function marksIn({ rules }: SavedTable, chain: string): readonly FoundMark[] {
  return rules.flatMap((rule) => {
    const comment = valueOf(rule, "--comment");
    const isMark = rule.chain === chain && comment?.startsWith(markPrefix) === true && !rule.args.includes("-j");
    if (!isMark) return [];
    return [{ mark: comment.slice(markPrefix.length), address: valueOf(rule, "-s"), rule }];
  });
}

/**
 * The chains of a network's containers that are of no valid attachment; without a list of those, chains whose marks are all
 * stale.
 *
 * @param pattern - of the names of such chains.
 * @param comment - with which what leads to them begins.
 */
export function staleChains(
  saved: SavedTable,
  { network, valid, pattern, comment, nameOf, isStale }: StaleChains,
): readonly string[] {
  const keep = new Set(valid?.map((owner) => nameOf(owner)));
  return [...saved.chains].filter((chain) => {
    if (!pattern.test(chain)) return false;
    const marks = marksIn(saved, chain);
    if (valid === undefined) return marks.length > 0 && marks.every(({ mark }) => isStale(mark));
    const isCommented = saved.rules.some(
      (rule) => valueOf(rule, "-j") === chain && valueOf(rule, "--comment")?.startsWith(comment) === true,
    );
    return (isCommented || marks.some(({ mark }) => isOfNetwork(mark, network))) && !keep.has(chain);
  });
}

/** Which chains to look for. */
export interface StaleChains {
  readonly network: string;
  readonly valid?: readonly Owner[] | undefined;
  readonly pattern: RegExp;
  readonly comment: string;
  readonly nameOf: (owner: Owner) => string;
  readonly isStale: (mark: string) => boolean;
}

/** @throws KxError `KX_CNI_INTERFACE` if one of the marks is of that very attachment, which is still there. */
export function requireNotMade(
  marks: readonly FoundMark[],
  owner: Owner,
  isGone: (mark: string) => boolean,
  what: string,
): void {
  if (marks.some(({ mark }) => isMarkOf(mark, owner) && !isGone(mark))) throw alreadyMade(owner, what);
}

/** An address as the range of itself: `10.1.0.2/32`. */
export function alone(address: string): string {
  const ip = parseIp(address.replace(/\/.*/, ""));
  return formatCidr(cidrOf(ip, ipBits(ip.family)));
}
