import { formatIp, parseIp } from "@kx/core/units";
import type { Request } from "../netlink/exchange.ts";
import { deleteRule, newChain, newRule, newTable, type Table } from "../nft/codec.ts";
import {
  address,
  compare,
  decide,
  type Expression,
  immediate,
  isToThisHost,
  masquerade,
  meta,
  nat,
  payload,
} from "../nft/expressions.ts";
import type { Nft, RuleState } from "../nft/nft.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import { ipBytes } from "../rtnl/ip-bytes.ts";
import { attachmentMark, goneNamespaces, isMarkOf } from "./attachment-mark.ts";
import { forgetOldFlows, letLoopbackOut } from "./host-ports-settle.ts";
import { type HostPort, type HostPorts, isOneAddress } from "./host-ports-table.ts";
import { alreadyMade, type Owner } from "./owner.ts";

// The layout of containernetworking/plugins (plugins/meta/portmap/portmap_nftables.go): a table a family and a rule a port,
// known by the container's id. A mark beside that tells the attachment, which the Go plug-in passes over.
type Family = 4 | 6;
const families = [4, 6] as const;
const tableOf = (family: Family): Table => ({ family: family === 4 ? "ip" : "ip6", name: "cni_hostport" });
const chains = {
  ports: "hostports",
  oldPorts: "hostip_hostports",
  all: "hostports_all",
  hidden: "masquerading",
} as const;
const ownChains = [chains.ports, chains.oldPorts, chains.hidden];
const entries = ["prerouting", "output"] as const;
const [destinationNat, sourceNat] = [-100, 100];
const protocols = { tcp: 6, udp: 17, sctp: 132 } as const;
const portRegister = 4;

/** Ports in the layout of the Go plug-in. */
export interface UpstreamHostPorts extends HostPorts {
  /** Families in which somebody else makes the rules by which packets come to the ports, as they have conditions. */
  readonly conditional?: readonly Family[];
}

/**
 * As `hostPortsAdd`, in the layout of the Go plug-in. As there, a port that several containers ask for is the first one's.
 *
 * @throws KxError `KX_CNI_INTERFACE` if that was done already.
 */
export function upstreamHostPortsAdd(request: UpstreamHostPorts): readonly string[] {
  const nft = sharedNft();
  const isGone = goneNamespaces();
  const old = families.flatMap((family) => ownRules(nft, family, ({ mark }) => isMarkOf(mark, request.owner)));
  if (old.some(({ rule }) => !isGone(rule.mark))) throw alreadyMade(request.owner, "has its ports");
  letLoopbackOut(request);
  const mark = attachmentMark(request);
  nft.transact(
    ...old.map(({ request: deletion }) => deletion),
    ...request.addresses.flatMap((text) => planAddress(request, text, mark)),
  );
  return forgetOldFlows(request);
}

/** Removes the rules of an attachment; those of the Go plug-in by the container's id alone. */
export function upstreamHostPortsDelete(owner: Owner): void {
  const isOwn = ({ mark, comment }: RuleState) =>
    mark === undefined ? comment === owner.containerId : isMarkOf(mark, owner);
  deleteWhere(isOwn);
}

/** What is missing, in words. */
export function upstreamHostPortsCheck({ owner, addresses, ports, masquerade: hides }: HostPorts): readonly string[] {
  const nft = sharedNft();
  return addresses.flatMap((text) => {
    const { family } = parseIp(plain(text));
    const table = tableOf(family);
    const expected = {
      [chains.ports]: portsOf(ports, family).length,
      [chains.hidden]: hides === false ? 0 : sendersOf(family, text).length,
    };
    const short = Object.entries(expected).flatMap(([chain, count]) => {
      const there = nft.rules(table, chain).filter(({ comment }) => comment === owner.containerId).length;
      return there >= count ? [] : [`${count - there} rules of the chain ${chain} of ${table.family} ${table.name}`];
    });
    const lost = entries.filter((chain) => nft.rules(table, chain).length === 0);
    const empty = lost.map((chain) => `all rules of the chain ${chain} of ${table.family} ${table.name}`);
    return [...short, ...empty].map((what) => `${what} are missing`);
  });
}

/** Removes rules by their marks; those of the Go plug-in have none, and do not tell their network. */
export function upstreamHostPortsCollect(isStale: (mark: string | undefined) => boolean): void {
  deleteWhere(({ mark }) => mark !== undefined && isStale(mark));
}

function deleteWhere(isMeant: (rule: RuleState) => boolean): void {
  const nft = sharedNft();
  for (const family of families) {
    if (!nft.hasChain(tableOf(family), chains.ports)) continue;
    nft.transact(...ownRules(nft, family, isMeant).map(({ request }) => request));
  }
}

function ownRules(nft: Nft, family: Family, isMeant: (rule: RuleState) => boolean) {
  const table = tableOf(family);
  return ownChains.flatMap((chain) =>
    nft
      .rules(table, chain)
      .filter(isMeant)
      .map((rule) => ({ rule, request: deleteRule(table, chain, rule.handle) })),
  );
}

function planAddress(request: UpstreamHostPorts, text: string, mark: string): readonly Request[] {
  const { family } = parseIp(plain(text));
  const table = tableOf(family);
  const { owner, ports, masquerade: hides = true, conditional = [] } = request;
  const own = (chain: string, expressions: readonly Expression[]) =>
    newRule(table, chain, { expressions, comment: owner.containerId, mark });
  return [
    ...planTable(table, hides, conditional.includes(family)),
    ...portsOf(ports, family).map((port) => own(chains.ports, toContainer(family, text, port))),
    ...(hides ? sendersOf(family, text) : []).map((sender) =>
      own(chains.hidden, [...isAt("source", family, sender), ...isAt("destination", family, text), masquerade()]),
    ),
  ];
}

/** What all containers share; chains that lead to theirs are made anew each time, as the Go plug-in does. */
function planTable(table: Table, hides: boolean, isConditional: boolean): readonly Request[] {
  const chain = (name: string, hook: "prerouting" | "output" | "postrouting", priority: number) =>
    newChain(table, { name, base: { type: "nat", hook, priority } });
  const anew = (name: string, ...rules: readonly (readonly Expression[])[]) => [
    deleteRule(table, name),
    ...rules.map((expressions) => newRule(table, name, { expressions })),
  ];
  return [
    newTable(table, "CNI portmap plugin"),
    ...[chains.ports, chains.oldPorts, chains.all].map((name) => newChain(table, { name })),
    ...anew(chains.all, [decide("jump", chains.oldPorts)], [decide("jump", chains.ports)]),
    ...entries.map((name) => chain(name, name, destinationNat)),
    ...(isConditional ? [] : entries.flatMap((name) => anew(name, [...isToThisHost(), decide("jump", chains.all)]))),
    ...(hides ? [chain(chains.hidden, "postrouting", sourceNat)] : []),
  ];
}

function toContainer(
  family: Family,
  text: string,
  { protocol, hostPort, containerPort, hostIp }: HostPort,
): readonly Expression[] {
  return [
    ...(isOneAddress(hostIp) ? isAt("destination", family, hostIp) : []),
    meta("transportProtocol"),
    compare(Uint8Array.of(protocols[protocol])),
    payload("transport", 2, 2),
    compare(portBytes(hostPort)),
    immediate(ipBytes(parseIp(plain(text))), 0),
    immediate(portBytes(containerPort), portRegister),
    nat("destination", family === 4 ? "ip" : "ip6", { address: 0, port: portRegister }),
  ];
}

function isAt(of: "source" | "destination", family: Family, text: string): readonly Expression[] {
  return [address(of, family), compare(ipBytes(parseIp(plain(text))))];
}

/** Who would not know the container's answer without the node between them. */
function sendersOf(family: Family, text: string): readonly string[] {
  return family === 4 ? [text, "127.0.0.1"] : [text];
}

function portsOf(ports: readonly HostPort[], family: Family): readonly HostPort[] {
  return ports.filter(({ hostIp = "" }) => hostIp === "" || parseIp(hostIp).family === family);
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}

function plain(text: string): string {
  return formatIp(parseIp(text.replace(/\/.*/, "")));
}
