import { exclusive, makeOnce } from "../net/nft-once.ts";
import { type NftSet, newChain, newRule, newSet, newTable, type Table } from "../nft/codec.ts";
import {
  addMark,
  address,
  compare,
  ct,
  decide,
  type Expression,
  hasBits,
  isFamily,
  lookup,
  mask,
  meta,
} from "../nft/expressions.ts";
import type { Nft } from "../nft/nft.ts";
import { connectionState } from "../nft/numbers.ts";

/** The table that lets containers' packets through: static rules, one element of a set an address. */
export const firewallTable: Table = { family: "inet", name: "kx_firewall" };
/** The table that keeps containers of one bridge apart: one element of a set a port. */
export const isolationTable: Table = { family: "bridge", name: "kx_firewall" };

const families = [4, 6] as const;
type Family = (typeof families)[number];

/** Containers' addresses. */
export const pods = (family: Family): NftSet => ({ name: `pods${family}`, key: [family === 4 ? "ipv4" : "ipv6"] });
/** Bridges whose containers do not hear those of other such bridges. */
export const guarded: NftSet = { name: "guarded", key: ["ifname"] };
/** The same, each with itself. */
export const own: NftSet = { name: "own", key: ["ifname", "ifname"] };
/** Ports of bridges that hear no other port. */
export const isolated: NftSet = { name: "isolated", key: ["ifname"] };
export const podSets: readonly NftSet[] = families.map(pods);

/** The chains whose rules CHECK looks for. `admin` is the administrator's own. */
export const chains: readonly string[] = ["forward", "accepted"];
/**
 * The bit of a packet's mark that says that it is let through. A packet goes through every table's chain, and each may drop
 * it: those of other tables can let it through by this mark.
 */
const acceptedMark = 0x1000;

/** The chains of iptables, which get a rule that lets marked packets through. */
export const foreignChains: readonly { readonly table: Table; readonly chain: string }[] = [
  { table: { family: "ip", name: "filter" }, chain: "FORWARD" },
  { table: { family: "ip6", name: "filter" }, chain: "FORWARD" },
];
export const foreignComment = "kx-firewall: accepted by table inet kx_firewall";
const ifNameRegisters = 4;
/** Before the filters of others, which look at the mark. */
const beforeFilter = -10;
/** NF_BR_PRI_FILTER_BRIDGED. */
const bridgeFilter = -200;

/** Makes what all attachments share, unless it is there. */
export function makeFirewallTable(nft: Nft): void {
  const rule = (chain: string, ...expressions: readonly Expression[]) => newRule(firewallTable, chain, { expressions });
  const isReply = hasBits(ct("state"), connectionState.established | connectionState.related);
  makeOnce(nft, [
    newTable(firewallTable),
    ...[...podSets, guarded, own].map((set) => newSet(firewallTable, set)),
    newChain(firewallTable, { name: "admin" }),
    exclusive(newChain(firewallTable, { name: "accepted" })),
    newChain(firewallTable, { name: "forward", base: { type: "filter", hook: "forward", priority: beforeFilter } }),
    rule("accepted", ...addMark(acceptedMark), decide("accept")),
    rule("forward", decide("jump", "admin")),
    rule("forward", ...fromBridgeToBridge(), decide("drop")),
    ...families.flatMap((family) => [
      rule("forward", ...isFamily(family), ...isReply, ...isPod("destination", family), decide("goto", "accepted")),
      rule("forward", ...isFamily(family), ...isPod("source", family), decide("goto", "accepted")),
    ]),
  ]);
}

/** Makes the table of ports that are kept apart, unless it is there. */
export function makeIsolationTable(nft: Nft): void {
  const chain = newChain(isolationTable, {
    name: "forward",
    base: { type: "filter", hook: "forward", priority: bridgeFilter },
  });
  const drop = (...load: readonly Expression[]) =>
    newRule(isolationTable, "forward", { expressions: [...load, lookup(isolated.name), decide("drop")] });
  makeOnce(nft, [
    newTable(isolationTable),
    newSet(isolationTable, isolated),
    exclusive(chain),
    drop(meta("iifName")),
    drop(meta("oifName")),
  ]);
}

/** What a rule of another table needs to let marked packets through; iptables shows it as `-m mark`. */
export function isAccepted(): readonly Expression[] {
  const bits = new Uint8Array(Uint32Array.of(acceptedMark).buffer);
  return [meta("mark"), mask(bits), compare(bits)];
}

function fromBridgeToBridge(): readonly Expression[] {
  return [
    meta("iifName"),
    lookup(guarded.name),
    meta("oifName", ifNameRegisters),
    lookup(guarded.name, { from: ifNameRegisters }),
    lookup(own.name, { inverted: true }),
  ];
}

function isPod(of: "source" | "destination", family: Family): readonly Expression[] {
  return [address(of, family), lookup(pods(family).name)];
}
