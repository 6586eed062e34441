import type { LoopDelay } from "./bench-daemon.ts";

/** One measurement. */
export interface Figure {
  readonly side: "go" | "kx";
  readonly ms: number;
  /** Of all processes that took part. */
  readonly cpuMs: number;
}

/** What measure.ts prints. */
export interface Figures {
  readonly figures: Readonly<Record<string, readonly Figure[]>>;
  readonly loopDelay: LoopDelay;
  readonly rssIdle: number;
  /** Of the daemon's memory while so many pods come and go. */
  readonly growth: { readonly count: number; readonly early: number; readonly late: number };
}

/** A line of the table, and what is required of it. */
interface Line {
  readonly name: string;
  readonly figure: string;
  readonly of: "ms" | "cpuMs";
  readonly required?: number;
}

const lines: readonly Line[] = [
  { name: "bridge + host-local ADD", figure: "ADD", of: "ms", required: 0.35 },
  { name: "same, DEL", figure: "DEL", of: "ms", required: 0.5 },
  { name: "chain with masquerade and a port, ADD", figure: "chain ADD", of: "ms", required: 0.15 },
  { name: "same, DEL", figure: "chain DEL", of: "ms", required: 0.15 },
  { name: "CHECK", figure: "CHECK", of: "ms", required: 0.4 },
  { name: "100 ADDs, 10 at a time", figure: "100 ADDs", of: "ms", required: 0.4 },
  { name: "100 DELs, 10 at a time", figure: "100 DELs", of: "ms", required: 0.35 },
  { name: "ADD with 4,000 leases", figure: "4,000 leases ADD", of: "ms", required: 0.08 },
  { name: "DEL with 4,000 leases", figure: "4,000 leases DEL", of: "ms" },
  { name: "CPU time of ADD + DEL", figure: "ADD + DEL", of: "cpuMs", required: 0.4 },
  { name: "CPU time of 100 ADDs", figure: "100 ADDs", of: "cpuMs" },
  { name: "CPU time of 100 DELs", figure: "100 DELs", of: "cpuMs" },
];

/** The table of all figures, in Markdown. */
export function formatFigures({ figures, loopDelay, rssIdle, growth }: Figures): string {
  const rows = lines.map(({ name, figure, of, required }) => {
    const values = (side: Figure["side"]) =>
      (figures[figure] ?? []).filter((one) => one.side === side).map((one) => one[of]);
    const [go, kx] = [values("go"), values("kx")];
    const ratio = quantile(kx, 0.5) / quantile(go, 0.5);
    const verdict = required === undefined ? "" : `${required} ${ratio <= required ? "met" : "MISSED"}`;
    return [`${name} (n=${kx.length})`, spread(go), spread(kx), ratio.toFixed(3), verdict];
  });
  const bounds = [
    ["daemon's memory, idle", "", `${rssIdle.toFixed(1)} MiB`, "", `95 ${rssIdle <= 95 ? "met" : "MISSED"}`],
    [
      `daemon's memory, after ${growth.count} ADDs and DELs (after a tenth of them)`,
      "",
      `${growth.late.toFixed(1)} (${growth.early.toFixed(1)}) MiB`,
      (growth.late / growth.early).toFixed(3),
      `no growth ${growth.late <= 1.05 * growth.early ? "met" : "MISSED"}`,
    ],
    [
      "daemon's main loop, delay p99 (max) in bursts",
      "",
      `${loopDelay.p99.toFixed(1)} (${loopDelay.max.toFixed(1)}) ms`,
      "",
      `10 ms ${loopDelay.p99 <= 10 ? "met" : "MISSED"}`,
    ],
  ];
  const head = ["work", "Go v1.9.1 p50 / p90 ms", "kx p50 / p90 ms", "ratio", "required"];
  return [head, head.map(() => "---"), ...rows, ...bounds].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function spread(values: readonly number[]): string {
  return `${quantile(values, 0.5).toFixed(1)} / ${quantile(values, 0.9).toFixed(1)}`;
}

function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;
}
