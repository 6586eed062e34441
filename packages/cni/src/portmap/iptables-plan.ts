import { formatCidr, formatIp, parseIp, parseIpInCidr } from "@kx/core/units";
import { type Change, type Family, families, familyOf } from "../iptables/iptables.ts";
import { chainOf, markRule, marksIn, requireNotMade } from "../iptables/owned-chain.ts";
import { command, type Rule, removal, type SavedTable, type SharedRules } from "../iptables/rules.ts";
import { isMarkOf } from "../net/attachment-mark.ts";
import { type HostPort, type HostPorts, isOneAddress } from "../net/host-ports-table.ts";
import { alreadyMade, type Owner } from "../net/owner.ts";

/** An attachment's ports of one family by iptables. */
export interface IptablesPorts extends HostPorts {
  readonly family: Family;
  readonly conditions: readonly string[];
  readonly markBit: number;
  /** A chain of somebody else that marks what is to be masqueraded. */
  readonly setMarkChain?: string;
}

const chains = { all: "CNI-HOSTPORT-DNAT", setMark: "CNI-HOSTPORT-SETMARK", hide: "CNI-HOSTPORT-MASQ" } as const;
const portsPerRule = 15;
const commentLength = 255;

/** The name of a container's chain. */
export const portsChain = (owner: Owner): string => chainOf(owner, "DN-");

/** Ports for each family in which the container has an address. */
export function byFamily<T>(ports: HostPorts, more: (family: Family) => T) {
  return families.flatMap((family) => {
    const addresses = ports.addresses.filter((address) => familyOf(address) === family);
    return addresses.length === 0 ? [] : [{ ...ports, ...more(family), addresses, family }];
  });
}

/** What all containers share. */
export function sharedRules({ markBit, setMarkChain, masquerade = true }: IptablesPorts): SharedRules {
  const mark = `0x${(2 ** markBit).toString(16)}`;
  const comment = (text: string) => ["-m", "comment", "--comment", text];
  const isOwnMark = masquerade && setMarkChain === undefined;
  const toNode = ["-m", "addrtype", "--dst-type", "LOCAL", "-j", chains.all];
  const marking: readonly Rule[] = [
    {
      chain: chains.setMark,
      args: [...comment("CNI portfwd masquerade mark"), "-j", "MARK", "--set-xmark", `${mark}/${mark}`],
    },
    { chain: chains.hide, args: ["-m", "mark", "--mark", `${mark}/${mark}`, "-j", "MASQUERADE"] },
    // Before masquerading of containers, after which nothing else is looked at.
    { chain: "POSTROUTING", args: [...comment("CNI portfwd requiring masquerade"), "-j", chains.hide], first: true },
  ];
  return {
    chains: [...(isOwnMark ? [chains.setMark, chains.hide] : []), chains.all],
    rules: [...(isOwnMark ? marking : []), { chain: "PREROUTING", args: toNode }, { chain: "OUTPUT", args: toNode }],
  };
}

/** The rules of a container as the Go plug-in makes them: its chain's, and those that lead to it. */
export function portRules(request: IptablesPorts): readonly Rule[] {
  const { owner, ports, addresses, conditions, family } = request;
  const chain = portsChain(owner);
  const text = `dnat name: ${JSON.stringify(owner.network)} id: ${JSON.stringify(owner.containerId)}`;
  const comment = text.length > commentLength ? `${text.slice(0, commentLength - 2)}...` : text;
  const entries = protocolsOf(ports).flatMap(({ protocol, numbers }) =>
    chunks(numbers).map((some): Rule => {
      const ofPorts = ["-m", "multiport", "-p", protocol, "--destination-ports", some.join(",")];
      return {
        chain: chains.all,
        args: ["-m", "comment", "--comment", comment, ...ofPorts, ...conditions, "-j", chain],
      };
    }),
  );
  const own = ports.filter(({ hostIp = "" }) => hostIp === "" || parseIp(hostIp).family === family);
  return [
    ...addresses.flatMap((address) => own.flatMap((port) => ownRules(request, chain, address, port))),
    ...entries,
  ];
}

/**
 * What of that is to be added. What a container that is gone has left in the chain is removed.
 *
 * @throws KxError `KX_CNI_INTERFACE` if the container has ports already: they are known by the container alone.
 */
export function planPortsAdd(
  saved: SavedTable,
  request: IptablesPorts & { readonly mark: string; readonly isGone: (mark: string) => boolean },
): Change {
  const { owner, addresses, mark, isGone } = request;
  const chain = portsChain(owner);
  const marks = marksIn(saved, chain);
  requireNotMade(marks, owner, isGone, "has its ports");
  if (marks.some((one) => !isGone(one.mark))) throw alreadyMade(owner, "cannot have ports: another interface has them");
  const rules = [...portRules(request), ...addresses.map((address) => markRule(chain, address, mark))];
  return {
    shared: sharedRules(request),
    commands: [...removal(saved, chain), command.newChain(chain), ...rules.map(command.append)],
  };
}

/** What is to be removed: the container's chain, unless it is that of another of its interfaces. */
export function planPortsDelete(saved: SavedTable, owner: Owner): Change {
  const chain = portsChain(owner);
  const marks = marksIn(saved, chain);
  const isOthers = marks.length > 0 && !marks.some(({ mark }) => isMarkOf(mark, owner));
  return { commands: isOthers ? [] : removal(saved, chain) };
}

/** A packet is marked before it is sent on, as no rule is looked at after that. */
function ownRules(
  { family, setMarkChain = chains.setMark, masquerade = true, masqueradeAll = false }: IptablesPorts,
  chain: string,
  address: string,
  { protocol, hostPort, containerPort, hostIp }: HostPort,
): readonly Rule[] {
  const { ip, cidr } = parseIpInCidr(address);
  const everybody = family === 4 ? "0.0.0.0/0" : "::/0";
  const senders = masqueradeAll ? [everybody] : [formatCidr(cidr), ...(family === 4 ? ["127.0.0.1"] : [])];
  const packets = ["-p", protocol, "--dport", String(hostPort), ...(isOneAddress(hostIp) ? ["-d", hostIp] : [])];
  const target = `${family === 4 ? formatIp(ip) : `[${formatIp(ip)}]`}:${containerPort}`;
  return [
    ...(masquerade ? senders : []).map((from) => ({ chain, args: [...packets, "-s", from, "-j", setMarkChain] })),
    { chain, args: [...packets, "-j", "DNAT", "--to-destination", target] },
  ];
}

function protocolsOf(ports: readonly HostPort[]) {
  const protocols = [...new Set(ports.map(({ protocol }) => protocol))].toSorted();
  return protocols.map((protocol) => ({
    protocol,
    numbers: ports.filter((port) => port.protocol === protocol).map(({ hostPort }) => hostPort),
  }));
}

function chunks(numbers: readonly number[]): readonly (readonly number[])[] {
  const count = Math.ceil(numbers.length / portsPerRule);
  return Array.from({ length: count }, (_, at) => numbers.slice(at * portsPerRule, (at + 1) * portsPerRule));
}
