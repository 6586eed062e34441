/** One value of a metric. */
export interface MetricSample {
  /** Of a histogram: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric as Prometheus knows it: plain data, so that it can cross to another process. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly MetricSample[];
}

/** The same families with one more label on each sample, which replaces one of that name. */
export function withLabel(families: readonly MetricFamily[], label: string, text: string): readonly MetricFamily[] {
  return families.map((family) => ({
    ...family,
    samples: family.samples.map((sample) => ({ ...sample, labels: { ...sample.labels, [label]: text } })),
  }));
}

/** Families in Prometheus' text format; those of one name stand together under one head, as the format wants it. */
export function renderFamilies(families: readonly MetricFamily[]): string {
  const byName = Map.groupBy(families, ({ name }) => name);
  const lines = [...byName].flatMap(([name, same]) => [
    `# HELP ${name} ${escaped(same[0]?.help ?? "")}`,
    `# TYPE ${name} ${same[0]?.type ?? "untyped"}`,
    ...same.flatMap(({ samples }) => samples.map((sample) => `${name}${renderSample(sample)}`)),
  ]);
  return lines.map((line) => `${line}\n`).join("");
}

function renderSample({ suffix = "", labels, value }: MetricSample): string {
  const pairs = Object.entries(labels).map(
    ([label, text]) => `${label}="${escaped(text).replaceAll('"', String.raw`\"`)}"`,
  );
  return `${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${renderValue(value)}`;
}

function renderValue(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

function escaped(text: string): string {
  return text.replaceAll("\\", String.raw`\\`).replaceAll("\n", String.raw`\n`);
}
