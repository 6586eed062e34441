import { parseIp } from "@kx/core/units";
import { ipBytes } from "../rtnl/ip-bytes.ts";
import { parseMac } from "../rtnl/mac.ts";

/** What a set's key, or a map's value, consists of. */
export type Field = keyof typeof fields;

/** Numbers and lengths as nft(8) has them, so that it can show what is in a set. */
const fields = {
  ipv4: { type: 7, bytes: 4, encode: (text: string) => ipBytes(parseIp(text)) },
  ipv6: { type: 8, bytes: 16, encode: (text: string) => ipBytes(parseIp(text)) },
  mac: { type: 9, bytes: 6, encode: parseMac },
  protocol: { type: 12, bytes: 1, encode: (text: string) => Uint8Array.of(protocols[text] ?? Number(text)) },
  port: { type: 13, bytes: 2, encode: (text: string) => Uint8Array.of(Number(text) >> 8, Number(text) & 0xff) },
  ifname: { type: 41, bytes: 16, encode: interfaceName },
} as const;

/** IPPROTO_*. */
const protocols: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** The number by which nft(8) knows fields put together. */
export function typeOf(list: readonly Field[]): number {
  return list.reduce((sum, field) => (sum << 6) | fields[field].type, 0);
}

/** Each field takes whole registers of four bytes; one alone takes what it has. */
export function lengthOf(list: readonly Field[]): number {
  return list.length === 1
    ? fields[list[0] ?? "ipv4"].bytes
    : list.reduce((sum, field) => sum + registerBytes(field), 0);
}

/** The bytes that a field takes in a key of several. */
function registerBytes(field: Field): number {
  return (fields[field].bytes + 3) & ~3;
}

/** What a field is by itself. */
export function fieldBytes(field: Field): number {
  return fields[field].bytes;
}

/** A key or value, a text for each field: `10.1.0.5`, `tcp`, `8080`, `eth0`, `02:00:00:00:00:01`. */
export function encodeFields(list: readonly Field[], texts: readonly string[]): Uint8Array {
  const out = new Uint8Array(lengthOf(list));
  let offset = 0;
  for (const [index, field] of list.entries()) {
    out.set(fields[field].encode(texts[index] ?? ""), offset);
    offset += registerBytes(field);
  }
  return out;
}

function interfaceName(text: string): Uint8Array {
  const out = new Uint8Array(16);
  out.set(new TextEncoder().encode(text).subarray(0, 15));
  return out;
}
