import { existsSync, readFileSync } from "node:fs";
import { KxError } from "@kx/core";
import { cidrContains, formatIp, parseIpInCidr } from "@kx/core/units";
import { writeSysctl } from "../net/sysctl.ts";
import { deleteAddress, newAddress } from "../rtnl/address-codec.ts";
import { filterVlans, newLink, setLink } from "../rtnl/link-codec.ts";
import { randomMac } from "../rtnl/mac.ts";
import { routeScope } from "../rtnl/numbers.ts";
import type { AddressState, Link } from "../rtnl/read.ts";
import type { Rtnl } from "../rtnl/rtnl.ts";
import type { BridgeSettings } from "./data-path-types.ts";
import { withVlans } from "./data-path-vlan.ts";

/** The first bytes of the addresses that kx gives to bridges, so that it knows them for fixed. */
const ownMac = "02:6b:78";
const fixedAddress = "3";

/** A bridge that is up, as it was when it was looked at. */
export interface ReadyBridge {
  readonly link: Link;
  /** Its own of IPv4, as `10.1.0.1/16`. */
  readonly addresses: readonly string[];
}

/** The addresses that a bridge is to have. */
interface GatewaySettings extends Pick<BridgeSettings, "gateways" | "forceAddress"> {
  /** Those that it has anyhow. */
  readonly known: readonly string[];
  readonly duplicateDetection: boolean;
}

/**
 * The bridge, made if it is not there, up, and with an address that does not change with its ports.
 *
 * @throws KxError `KX_CNI_BRIDGE` if the name is another kind of link's.
 */
export function ensureBridge(host: Rtnl, { name, mtu, promiscuous }: BridgeSettings, vlanFiltering: boolean): Link {
  const found = host.findLink(name);
  const bridge = found ?? makeBridge(host, name, vlanFiltering);
  if (bridge.kind !== "bridge") {
    throw new KxError("KX_CNI_BRIDGE", `the link ${name} is no bridge but ${bridge.kind || "a device"}`, {
      remedy: "name another bridge, or remove that link",
    });
  }
  const mustPin = !isFixed(bridge);
  const mustListen = promiscuous === true && !bridge.isPromiscuous;
  if (found !== undefined && vlanFiltering) withVlans(name, () => host.request(filterVlans(bridge.index)));
  if (bridge.isUp && !mustPin && !mustListen) return bridge;
  host.request(
    setLink(
      bridge.index,
      {
        up: true,
        ...(mustListen ? { promiscuous: true } : {}),
        ...(mustPin ? { mac: bridge.mac } : {}),
        // Not while it is made: then it would take the least of its ports'.
        ...(found === undefined && mtu !== undefined ? { mtu } : {}),
      },
      `set up the bridge ${name}`,
    ),
  );
  return found ?? host.link(bridge.index);
}

function makeBridge(host: Rtnl, name: string, vlanFiltering: boolean): Link {
  const mac = `${ownMac}${randomMac().slice(8)}`;
  const kind = { kind: "bridge", ...(vlanFiltering ? { vlanFiltering } : {}) } as const;
  withVlans(name, () => host.request({ ...newLink({ name, mac, kind }), expect: ["EEXIST"] }));
  // Routers on the network must not tell the node where to send what.
  writeSysctl(["net", "ipv6", "conf", name, "accept_ra"], "0");
  return host.link(name);
}

/** A bridge whose address nobody has set takes that of a port, and loses it with that port. */
function isFixed({ name, mac }: Link): boolean {
  const file = `/sys/class/net/${name}/addr_assign_type`;
  return mac.startsWith(ownMac) || (existsSync(file) && readFileSync(file, "utf8").trim() === fixedAddress);
}

/**
 * Gives addresses to the bridge, or the interface that stands for it.
 *
 * @throws KxError `KX_CNI_BRIDGE` if it has others in the way: any of IPv4, or of IPv6 those of ranges that overlap.
 */
export function ensureGateways(
  host: Rtnl,
  link: Pick<Link, "index" | "name">,
  { gateways = [], forceAddress = false, known, duplicateDetection }: GatewaySettings,
): void {
  for (const address of gateways) {
    if (known.includes(address) || hasAddress(host, link.index, address)) continue;
    const { family } = parseIpInCidr(address).ip;
    const inTheWay = host
      .addresses({ index: link.index, family })
      .filter((other) => !gateways.includes(other.address) && conflicts(other, address));
    if (inTheWay.length > 0 && !forceAddress) throw conflict(link.name, address, inTheWay);
    host.request(
      ...inTheWay.map((other) => ({
        ...deleteAddress({ index: link.index, address: other.address }),
        expect: ["EADDRNOTAVAIL"],
      })),
      { ...newAddress({ index: link.index, address, noDad: !duplicateDetection }), expect: ["EEXIST"] },
    );
  }
}

/** Lets the node pass on what comes from pods, of the families of their addresses. */
export function enableForwarding(addresses: readonly string[]): void {
  const has = (family: 4 | 6) => addresses.some((text) => parseIpInCidr(text).ip.family === family);
  if (has(4)) writeSysctl(["net", "ipv4", "ip_forward"], "1");
  if (has(6)) writeSysctl(["net", "ipv6", "conf", "all", "forwarding"], "1");
}

/** Whether a link has an address with that length of its prefix. */
export function hasAddress(rtnl: Rtnl, index: number, address: string): boolean {
  const { ip } = parseIpInCidr(address);
  const wanted = canonical(address);
  if (ip.family === 6) return rtnl.findAddress6(index, address.slice(0, address.indexOf("/")))?.address === wanted;
  return rtnl.addresses({ index, family: 4 }).some((one) => one.address === wanted);
}

function canonical(address: string): string {
  const { ip, cidr } = parseIpInCidr(address);
  return `${formatIp(ip)}/${cidr.prefix}`;
}

function conflicts({ address, scope }: AddressState, wanted: string): boolean {
  if (scope === routeScope.link) return false;
  const [theirs, ours] = [parseIpInCidr(address), parseIpInCidr(wanted)];
  return ours.ip.family === 4 || cidrContains(theirs.cidr, ours.ip) || cidrContains(ours.cidr, theirs.ip);
}

function conflict(name: string, address: string, others: readonly AddressState[]): KxError {
  const list = others.map((other) => other.address).join(", ");
  return new KxError("KX_CNI_BRIDGE", `the bridge ${name} has ${list}, so it cannot have ${address}`, {
    remedy: "use another bridge for this network, or set forceAddress to replace the address",
    details: { bridge: name, address, others: others.map((other) => other.address) },
  });
}
