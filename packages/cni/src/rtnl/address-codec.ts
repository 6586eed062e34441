import { formatIp, lastIp, parseIp, parseIpInCidr } from "@kx/core/units";
import { type Attribute, bytes, u32, viewOf } from "../netlink/attributes.ts";
import type { Request } from "../netlink/exchange.ts";
import { messageFlags } from "../netlink/message.ts";
import { familyOf, ipBytes } from "./ip-bytes.ts";
import { address, addressFlags, families, types } from "./numbers.ts";

/** An address of a link. */
export interface LinkAddress {
  readonly index: number;
  /** The address with the length of its prefix: `10.1.0.5/16`. */
  readonly address: string;
}

/** An address to give to a link. */
export interface NewAddress extends LinkAddress {
  /** IPv6: use it at once, without asking whether others have it. Default: ask. */
  readonly noDad?: boolean;
  /** Leaves out the route to its subnet, which the kernel else adds. */
  readonly noPrefixRoute?: boolean;
}

/** `EEXIST` if the link has it already. */
export function newAddress({ index, address: text, noDad = false, noPrefixRoute = false }: NewAddress): Request {
  const { ip, cidr } = parseIpInCidr(text);
  const flags = (noDad && ip.family === 6 ? addressFlags.noDad : 0) | (noPrefixRoute ? addressFlags.noPrefixRoute : 0);
  // Ranges of one or two addresses have no broadcast address.
  const broadcast = ip.family === 4 && cidr.prefix < 31 ? [bytes(address.broadcast, ipBytes(lastIp(cidr)))] : [];
  return {
    ...addressRequest(types.newAddress, { index, address: text }, [
      ...broadcast,
      ...(flags === 0 ? [] : [u32(address.flags, flags)]),
    ]),
    flags: messageFlags.create | messageFlags.exclusive,
    what: `give ${text} to the link ${index}`,
  };
}

/** `EADDRNOTAVAIL` if the link has it not. */
export function deleteAddress(of: LinkAddress): Request {
  return { ...addressRequest(types.delAddress, of, []), what: `take ${of.address} from the link ${of.index}` };
}

/** An IPv6 address of a link, found without a list; of IPv4 the kernel only gives lists. */
export function getAddress6(index: number, ip: string): Request {
  return {
    what: `find ${ip} at the link ${index}`,
    type: types.getAddress,
    flags: 0,
    header: addressHeader(families.ipv6, 0, index),
    attributes: [bytes(address.address, ipBytes(parseIp(ip)))],
  };
}

/** The addresses of a link, or of all. */
export function listAddresses(filter: { readonly index?: number; readonly family?: 4 | 6 } = {}): Request {
  const { index = 0, family } = filter;
  const number = family === undefined ? families.any : family === 4 ? families.ipv4 : families.ipv6;
  return {
    what: index === 0 ? "list addresses" : `list the addresses of the link ${index}`,
    type: types.getAddress,
    flags: 0,
    header: addressHeader(number, 0, index),
    attributes: [],
  };
}

function addressRequest(type: number, { index, address: text }: LinkAddress, more: readonly Attribute[]): Request {
  const { ip, cidr } = parseIpInCidr(text);
  const raw = ipBytes(ip);
  return {
    what: formatIp(ip),
    type,
    flags: 0,
    header: addressHeader(familyOf(ip), cidr.prefix, index),
    attributes: [bytes(address.local, raw), bytes(address.address, raw), ...more],
  };
}

/** ifaddrmsg: family, prefix length, flags, scope, index. */
function addressHeader(family: number, prefix: number, index: number): Uint8Array {
  const header = Uint8Array.of(family, prefix, 0, 0, 0, 0, 0, 0);
  viewOf(header).setUint32(4, index, true);
  return header;
}
