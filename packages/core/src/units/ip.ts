import { KxError } from "../error.ts";

/** An IP address as a number. */
export interface Ip {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** How many bits an address has. */
export function ipBits(family: Ip["family"]): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/**
 * Reads an address strictly: four decimal numbers without leading zeros (others read those as octal), or IPv6 as RFC 4291
 * writes it, without a zone.
 *
 * @throws KxError `KX_UNITS_IP`.
 */
export function parseIp(text: string): Ip {
  const ip = readIp(text);
  if (ip !== undefined) return ip;
  throw new KxError("KX_UNITS_IP", `${JSON.stringify(text.slice(0, 64))} is no IP address`, {
    remedy: remedyFor(text),
  });
}

/** The address, or undefined if the text is none. */
export function readIp(text: string): Ip | undefined {
  if (text.length > 45) return undefined;
  const family = text.includes(":") ? 6 : 4;
  const value = family === 6 ? read6(text) : read4(text);
  return value === undefined ? undefined : { family, value };
}

/** The one text of an address: IPv4 with dots, IPv6 as RFC 5952 asks. */
export function formatIp({ family, value }: Ip): string {
  if (family === 4) return dotted(value);
  // IPv4-mapped addresses are shown with dots.
  if (value >> 32n === 0xffffn) return `::ffff:${dotted(value & 0xffff_ffffn)}`;
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
  const [start, length] = longestZeros(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** Orders addresses: IPv4 first, then by number. */
export function compareIps(a: Ip, b: Ip): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : Number(a.value > b.value);
}

/**
 * The address `count` after this one, or before it if that is negative.
 *
 * @throws KxError `KX_UNITS_IP_RANGE` beyond the first or last address.
 */
export function addToIp({ family, value }: Ip, count: bigint): Ip {
  const sum = value + count;
  if (sum >= 0n && sum >> BigInt(ipBits(family)) === 0n) return { family, value: sum };
  throw new KxError("KX_UNITS_IP_RANGE", `there is no address ${count} after ${formatIp({ family, value })}`);
}

function read4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function read6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => groupsOf(half, index === halves.length - 1));
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? join(head) : undefined;
  // "::" stands for at least one group.
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return join([...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0n), ...tail]);
}

/** The 16-bit groups of a half of an IPv6 address; the last may be an IPv4 address. */
function groupsOf(text: string, isLast: boolean): readonly bigint[] | undefined {
  if (text === "") return [];
  const groups: bigint[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(BigInt(`0x${part}`));
      continue;
    }
    const four = isLast && index === parts.length - 1 ? read4(part) : undefined;
    if (four === undefined) return undefined;
    groups.push(four >> 16n, four & 0xffffn);
  }
  return groups;
}

function join(groups: readonly bigint[]): bigint {
  return groups.reduce((sum, group) => (sum << 16n) | group, 0n);
}

function dotted(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly number[]): readonly [start: number, length: number] {
  let best: readonly [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best[1]) best = [start, length];
  }
  return best;
}

function remedyFor(text: string): string {
  if (/(^|\.)0\d/.test(text)) return "write numbers without leading zeros";
  if (text.includes("%")) return "leave out the zone after %";
  if (text.includes("/")) return "leave out the prefix length";
  return "write it as 10.1.2.3 or fd00::1";
}
