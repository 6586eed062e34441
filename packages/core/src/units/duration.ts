import { KxError } from "../error.ts";

const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5 and U+03BC look the same; Go takes both
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const whole = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const maxText = 64;

/**
 * Milliseconds of a duration as Go writes it: `1h30m`, `300ms`, `-1.5s`, `0`.
 *
 * @throws KxError `KX_UNITS_DURATION` for any other text, so also for a bare number.
 */
export function parseDuration(text: string): number {
  if (text.length > maxText || !whole.test(text)) {
    throw new KxError("KX_UNITS_DURATION", `"${text.slice(0, maxText)}" is no duration`, {
      remedy: "write numbers with units ns, us, ms, s, m or h, for example 1h30m or 300ms",
    });
  }
  let totalMs = 0;
  for (const [, amount = "", unit = ""] of text.matchAll(part)) totalMs += Number(amount) * (unitsMs[unit] ?? 0);
  return text.startsWith("-") && totalMs !== 0 ? -totalMs : totalMs;
}

/** A number of milliseconds as Go writes it, to the nearest nanosecond: `1h30m0s`, `300ms`, `0s`. */
export function formatDuration(ms: number): string {
  const sign = ms < 0 ? "-" : "";
  const nanos = BigInt(Math.round((Math.abs(ms) % 1000) * 1e6));
  const wholeSeconds = BigInt(Math.floor(Math.abs(ms) / 1000)) + nanos / 1_000_000_000n;
  const rest = nanos % 1_000_000_000n;
  if (wholeSeconds === 0n) return rest === 0n ? "0s" : sign + formatBelowSecond(rest);
  const hours = wholeSeconds / 3600n;
  const minutes = (wholeSeconds / 60n) % 60n;
  const seconds = `${decimal(wholeSeconds % 60n, rest, 9)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : sign + seconds;
}

function formatBelowSecond(nanos: bigint): string {
  if (nanos >= 1_000_000n) return `${decimal(nanos / 1_000_000n, nanos % 1_000_000n, 6)}ms`;
  if (nanos >= 1000n) return `${decimal(nanos / 1000n, nanos % 1000n, 3)}µs`;
  return `${nanos}ns`;
}

function decimal(integer: bigint, fraction: bigint, digits: number): string {
  const text = fraction.toString().padStart(digits, "0").replace(/0+$/, "");
  return text === "" ? integer.toString() : `${integer}.${text}`;
}

/** An age as kubectl shows it in its tables, for milliseconds: `45s`, `5m3s`, `3d2h`, `2y14d`. */
export function formatAge(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  // Clocks of two machines may differ a little.
  if (Number.isNaN(ms) || seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (minutes < 2) return `${seconds}s`;
  if (minutes < 10) return pair(minutes, "m", seconds % 60, "s");
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  if (days < 8) return pair(days, "d", hours % 24, "h");
  if (days < 2 * 365) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? pair(years, "y", days % 365, "d") : `${years}y`;
}

function pair(first: number, firstUnit: string, second: number, secondUnit: string): string {
  return second === 0 ? `${first}${firstUnit}` : `${first}${firstUnit}${second}${secondUnit}`;
}
