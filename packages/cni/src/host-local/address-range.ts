import type { IpRange } from "@kx/core/contracts/cni";
import {
  addToIp,
  type Cidr,
  cidrContains,
  compareIps,
  formatCidr,
  formatIp,
  type Ip,
  ipBits,
  lastIp,
  lastUsableIp,
  parseIp,
  parseIpInCidr,
} from "@kx/core/units";

/** Addresses from `start` to `end`, both included, of one subnet. */
export interface AddressRange {
  readonly subnet: Cidr;
  readonly start: Ip;
  readonly end: Ip;
  /** Never given to a container. */
  readonly gateway: Ip;
}

/** One address is given out of each set: of any of its ranges. All are of one family. */
export type RangeSet = readonly AddressRange[];

/** What is wrong with a configuration, each problem with the place where it stands. */
export type Report = (problem: string) => void;

/** Below, a network has no address left beside its own, the gateway's and the broadcast address. */
const smallestSizeBits = 2;

/** An IPv4 address, where it is written as an IPv6 one: the same host, so the same lease. */
export function unmapped(ip: Ip): Ip {
  const isMapped = ip.family === 6 && ip.value >> 32n === 0xffffn;
  return isMapped ? { family: 4, value: ip.value & 0xffff_ffffn } : ip;
}

/** Reads an address, also as IPv4-mapped IPv6; undefined if the text is none. */
export function readAddress(text: string): Ip | undefined {
  try {
    return unmapped(parseIp(text));
  } catch {
    return undefined;
  }
}

/** Reads a range with its defaults filled in; what is wrong with it is reported, and undefined given. */
export function readRange(config: IpRange, report: Report): AddressRange | undefined {
  const subnet = readSubnet(config.subnet, report);
  if (subnet === undefined) return undefined;
  const name = formatCidr(subnet);
  let failed = false;
  const refuse = (problem: string): void => {
    failed = true;
    report(problem);
  };
  const read = (field: "rangeStart" | "rangeEnd" | "gateway", otherwise: Ip): Ip => {
    const text = config[field];
    // Go's empty text means "not set".
    if (text === undefined || text === "") return otherwise;
    const ip = readAddress(text);
    if (ip === undefined) refuse(`${field} ${JSON.stringify(text)} is no IP address`);
    else if (ip.family !== subnet.base.family) refuse(`${field} ${text} is of another family than ${name}`);
    // A gateway may be outside, as with links that have a single peer.
    else if (field !== "gateway" && !cidrContains(subnet, ip)) refuse(`${field} ${text} is not in ${name}`);
    return ip ?? otherwise;
  };
  const first = addToIp(subnet.base, 1n);
  const range = {
    subnet,
    start: read("rangeStart", first),
    end: read("rangeEnd", lastUsableIp(subnet)),
    gateway: read("gateway", first),
  };
  if (!failed && compareIps(range.start, range.end) > 0) {
    refuse(`rangeEnd ${formatIp(range.end)} is before rangeStart ${formatIp(range.start)}`);
  }
  return failed ? undefined : range;
}

function readSubnet(text: string, report: Report): Cidr | undefined {
  let read: ReturnType<typeof parseIpInCidr>;
  try {
    read = parseIpInCidr(text);
  } catch {
    report(`subnet ${JSON.stringify(text)} is no network such as 10.1.0.0/16`);
    return undefined;
  }
  const { ip, cidr } = read;
  if (unmapped(ip).family !== ip.family) report(`subnet ${text} is an IPv4 network: write it as one`);
  else if (ip.value !== cidr.base.value) report(`subnet ${text} has host bits set: the network is ${formatCidr(cidr)}`);
  else if (ipBits(ip.family) - cidr.prefix < smallestSizeBits) {
    report(`subnet ${text} is too small: the smallest is a /${ipBits(ip.family) - smallestSizeBits}`);
  } else return cidr;
  return undefined;
}

/** Whether an address is from the range's start to its end. */
export function rangeHolds({ start, end }: AddressRange, ip: Ip): boolean {
  return ip.family === start.family && start.value <= ip.value && ip.value <= end.value;
}

/** Whether two ranges have an address in common. */
export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
  return rangeHolds(a, b.start) || rangeHolds(b, a.start);
}

/** Whether a container may get an address of the range: not the gateway's, nor the network's own or its broadcast address. */
export function isUsable({ subnet, gateway }: AddressRange, { family, value }: Ip): boolean {
  if (gateway.family === family && gateway.value === value) return false;
  return family === 6 || (value !== subnet.base.value && value !== lastIp(subnet).value);
}

/** How many addresses of a set containers may get. */
export function poolSize(set: RangeSet): bigint {
  return set.reduce((sum, range) => {
    const { subnet, start, end, gateway } = range;
    const special = [gateway.value, ...(start.family === 4 ? [subnet.base.value, lastIp(subnet).value] : [])];
    const inside = [...new Set(special)].filter((value) => rangeHolds(range, { family: start.family, value }));
    return sum + end.value - start.value + 1n - BigInt(inside.length);
  }, 0n);
}

/** `10.1.0.1-10.1.0.254`, ranges parted by commas. */
export function formatRanges(set: RangeSet): string {
  return set.map(({ start, end }) => `${formatIp(start)}-${formatIp(end)}`).join(",");
}
