import { randomUUID } from "node:crypto";
import { KxError } from "@kx/core";

/** @throws KxError `KX_CNI_CONFIG`. */
export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new KxError("KX_CNI_CONFIG", `${JSON.stringify(text.slice(0, 64))} is no MAC address`, {
      remedy: "write it as 02:00:00:00:00:01",
    });
  }
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}

export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** An address for one interface that no vendor gave: the second bit of its first byte says so. */
export function randomMac(): string {
  // Node draws these from the kernel many at once; their last twelve digits are all random.
  const mac = Buffer.from(randomUUID().slice(-12), "hex");
  mac[0] = ((mac[0] ?? 0) & 0xfc) | 0x02;
  return formatMac(mac);
}
