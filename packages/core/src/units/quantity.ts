import { KxError } from "../error.ts";

/** Which family of suffixes a quantity was written in: `100m`, `1Gi`, `1e3`. */
export type QuantityFormat = "decimal" | "binary" | "exponent";

/** An exact amount as Kubernetes knows it: nothing finer than 10^-9; in binary, nothing above 2^63 - 1. */
export interface Quantity {
  /** The amount in billionths. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

const one = 1_000_000_000n;
const mostBinary = (2n ** 63n - 1n) * one;
const shape = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?\d{1,3}))$/;
const maxText = 128;
const binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const decimalSuffixes = new Map(Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]));

/**
 * Reads a quantity as Kubernetes does: what is finer than 10^-9 is rounded away from zero, a binary one that is too large is cut to
 * the largest that has a binary suffix. An exponent has at most three digits.
 *
 * @throws KxError `KX_UNITS_QUANTITY` for a text that is none.
 */
export function parseQuantity(text: string): Quantity {
  const match = text.length > maxText ? null : shape.exec(text);
  if (match === null) {
    throw new KxError("KX_UNITS_QUANTITY", `"${text.slice(0, maxText)}" is no quantity`, {
      remedy: "write a number with at most one suffix, for example 500m, 2Gi, 10M or 1e3",
    });
  }
  const [, sign, number = "", binary, decimal = "", exponent] = match;
  const [integer = "", fraction = ""] = number.split(".");
  const digits = BigInt(integer + fraction);
  const format = binary !== undefined ? "binary" : exponent !== undefined ? "exponent" : "decimal";
  const power = exponent === undefined ? (decimalExponents[decimal] ?? 0) : Number(exponent);
  const scaled = binary === undefined ? digits : digits * 1024n ** BigInt(binarySuffixes.indexOf(binary));
  const size = shift(scaled, power + 9 - fraction.length);
  const nanos = format === "binary" && size > mostBinary ? mostBinary : size;
  return { nanos: sign === "-" ? -nanos : nanos, format };
}

/** `value * 10^places`, rounded up. */
function shift(value: bigint, places: number): bigint {
  if (places >= 0) return value * 10n ** BigInt(places);
  const divisor = 10n ** BigInt(-places);
  return (value + divisor - 1n) / divisor;
}

/** Negative if `a` is less than `b`, 0 if they are the same amount, however written; fit for sorting. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
}

/** The canonical text, as the API server writes it: no fraction, the largest suffix that needs none. */
export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return "0";
  // Below 1024, or in fractions, binary suffixes cannot tell the exact amount.
  const isBinary = format === "binary" && nanos % one === 0n && (nanos >= 1024n * one || nanos <= -1024n * one);
  if (isBinary) return formatBinary(nanos / one);
  let mantissa = nanos;
  let exponent = -9;
  const top = format === "exponent" ? Number.POSITIVE_INFINITY : 18;
  while (mantissa % 1000n === 0n && exponent < top) [mantissa, exponent] = [mantissa / 1000n, exponent + 3];
  if (format !== "exponent") return `${mantissa}${decimalSuffixes.get(exponent) ?? ""}`;
  return exponent === 0 ? mantissa.toString() : `${mantissa}e${exponent}`;
}

function formatBinary(amount: bigint): string {
  let mantissa = amount;
  let step = 0;
  while (mantissa % 1024n === 0n && step < binarySuffixes.length - 1) [mantissa, step] = [mantissa / 1024n, step + 1];
  return `${mantissa}${binarySuffixes[step]}`;
}
