import type { MetricFamily } from "./metrics.ts";

/** Families in Prometheus' text format, those of one name together: what `runHost`'s `metrics` may answer. */
export function renderMetrics(families: readonly MetricFamily[]): string {
  const byName = Map.groupBy(families, ({ name }) => name);
  const lines = [...byName].flatMap(([name, same]) => [
    `# HELP ${name} ${same[0]?.help ?? ""}`,
    `# TYPE ${name} ${same[0]?.type ?? "untyped"}`,
    ...same.flatMap(({ samples }) =>
      samples.map(({ suffix = "", labels, value }) => {
        const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
        return `${name}${suffix}{${pairs.join(",")}} ${value}`;
      }),
    ),
  ]);
  return lines.map((line) => `${line}\n`).join("");
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
