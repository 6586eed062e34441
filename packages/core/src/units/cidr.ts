import { KxError } from "../error.ts";
import { addToIp, compareIps, formatIp, type Ip, ipBits, readIp } from "./ip.ts";

/** A range of addresses that share their first bits: `10.1.0.0/16`. */
export interface Cidr {
  /** The range's first address. */
  readonly base: Ip;
  /** How many bits all its addresses share. */
  readonly prefix: number;
}

/**
 * Reads a range strictly: its address is the range's first, its prefix length is there and has no leading zeros.
 *
 * @throws KxError `KX_UNITS_CIDR`.
 */
export function parseCidr(text: string): Cidr {
  const { ip, cidr } = parseIpInCidr(text);
  if (ip.value === cidr.base.value) return cidr;
  throw refuse(text, `write ${formatCidr(cidr)}, or an address and its range where both are meant`);
}

/**
 * Reads an address together with its range, as an interface has it: `10.1.2.3/16`.
 *
 * @throws KxError `KX_UNITS_CIDR`.
 */
export function parseIpInCidr(text: string): { readonly ip: Ip; readonly cidr: Cidr } {
  const at = text.indexOf("/");
  const ip = at < 0 ? undefined : readIp(text.slice(0, at));
  const prefix = text.slice(at + 1);
  if (ip === undefined) throw refuse(text, "write it as 10.1.0.0/16 or fd00::/64");
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > ipBits(ip.family)) {
    throw refuse(text, `the prefix length is a number from 0 to ${ipBits(ip.family)}`);
  }
  return { ip, cidr: cidrOf(ip, Number(prefix)) };
}

/** The range of that prefix length that holds an address. */
export function cidrOf({ family, value }: Ip, prefix: number): Cidr {
  const free = BigInt(ipBits(family) - prefix);
  return { base: { family, value: (value >> free) << free }, prefix };
}

/** `10.1.0.0/16`; the address as RFC 5952 asks. */
export function formatCidr({ base, prefix }: Cidr): string {
  return `${formatIp(base)}/${prefix}`;
}

/** How many addresses a range has. */
export function cidrSize({ base, prefix }: Cidr): bigint {
  return 1n << BigInt(ipBits(base.family) - prefix);
}

/** The last address of a range: of IPv4, the broadcast address. */
export function lastIp(cidr: Cidr): Ip {
  return { family: cidr.base.family, value: cidr.base.value + cidrSize(cidr) - 1n };
}

/**
 * The first address that a host may have. Not the range's own, which names an IPv4 network, or any router of an IPv6 one
 * (RFC 4291 section 2.6.1); but ranges of two addresses (RFC 3021, RFC 6164) and of one have no such.
 */
export function firstUsableIp(cidr: Cidr): Ip {
  return cidrSize(cidr) <= 2n ? cidr.base : addToIp(cidr.base, 1n);
}

/** The last address that a host may have: not the broadcast address of an IPv4 range of more than two. */
export function lastUsableIp(cidr: Cidr): Ip {
  const last = lastIp(cidr);
  return last.family === 6 || cidrSize(cidr) <= 2n ? last : addToIp(last, -1n);
}

/** Whether all of an address or range lies in a range; never across families. */
export function cidrContains(outer: Cidr, inner: Ip | Cidr): boolean {
  const { base, prefix } = "base" in inner ? inner : { base: inner, prefix: ipBits(inner.family) };
  return (
    base.family === outer.base.family &&
    prefix >= outer.prefix &&
    cidrOf(base, outer.prefix).base.value === outer.base.value
  );
}

/** Whether two ranges have an address in common: one then contains the other. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b) || cidrContains(b, a);
}

/** The addresses from `first` to `last`, both included, but at most `limit`: ranges of IPv6 have more than anyone waits for. */
export function* ipsBetween(first: Ip, last: Ip, limit: number): Generator<Ip> {
  let ip = first;
  for (let count = 0; count < limit && first.family === last.family && compareIps(ip, last) <= 0; count++) {
    yield ip;
    ip = { family: ip.family, value: ip.value + 1n };
  }
}

/**
 * The ranges of a longer prefix length that make up a range, made as they are asked for.
 *
 * @throws KxError `KX_UNITS_IP_RANGE` if the prefix length is not from the range's own to that of one address.
 */
export function splitCidr(cidr: Cidr, prefix: number): Generator<Cidr> {
  const { family } = cidr.base;
  if (!Number.isInteger(prefix) || prefix < cidr.prefix || prefix > ipBits(family)) {
    throw new KxError("KX_UNITS_IP_RANGE", `${formatCidr(cidr)} has no ranges of prefix length ${prefix}`);
  }
  return pieces(cidr, prefix);
}

function* pieces(cidr: Cidr, prefix: number): Generator<Cidr> {
  const { family, value } = cidr.base;
  const step = 1n << BigInt(ipBits(family) - prefix);
  for (let offset = 0n; offset < cidrSize(cidr); offset += step)
    yield { base: { family, value: value + offset }, prefix };
}

function refuse(text: string, remedy: string): KxError {
  return new KxError("KX_UNITS_CIDR", `${JSON.stringify(text.slice(0, 64))} is no range of addresses`, { remedy });
}
