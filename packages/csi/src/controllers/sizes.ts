import { formatQuantity, parseQuantity } from "@kx/core/units";

const one = 1_000_000_000n;

/** The bytes of a quantity, rounded up as the API server does; 0 for none. */
export function bytesOf(quantity: string | undefined): bigint {
  if (quantity === undefined) return 0n;
  const { nanos } = parseQuantity(quantity);
  return (nanos + one - 1n) / one;
}

/** Bytes as Kubernetes writes sizes of volumes: `1Gi`. */
export function quantityOf(bytes: bigint): string {
  return formatQuantity({ nanos: bytes * one, format: "binary" });
}
