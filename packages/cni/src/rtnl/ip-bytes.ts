import { formatIp, type Ip, ipBits } from "@kx/core/units";
import { families } from "./numbers.ts";

/** An address as the kernel has it. */
export function ipBytes({ family, value }: Ip): Uint8Array {
  const out = new Uint8Array(ipBits(family) / 8);
  let rest = value;
  for (let at = out.byteLength - 1; at >= 0; at--, rest >>= 8n) out[at] = Number(rest & 0xffn);
  return out;
}

function ipOf(bytes: Uint8Array): Ip {
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { family: bytes.byteLength === 4 ? 4 : 6, value };
}

export function ipText(bytes: Uint8Array): string {
  return formatIp(ipOf(bytes));
}

/** AF_INET or AF_INET6. */
export function familyOf(ip: Ip): number {
  return ip.family === 4 ? families.ipv4 : families.ipv6;
}
