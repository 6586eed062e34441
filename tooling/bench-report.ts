import { cpus, release, totalmem } from "node:os";

/** The middle value; of an even number, the greater of the two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The machine in words, for the head of a table. */
export function machine(): string {
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} x ${cpus()[0]?.model}, ${memoryGiB} GiB, Linux ${release().split(".", 2).join(".")}`;
}

/** A ratio and whether it is as low as is required. */
export function verdict(ratio: number, atMost: number): string {
  return `${ratio.toFixed(2)}, ${ratio <= atMost ? "met" : "MISSED"}`;
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
