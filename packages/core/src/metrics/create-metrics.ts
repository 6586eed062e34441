import type * as Prom from "prom-client";
import { KxError } from "../error.ts";
import type { MetricFamily, MetricSample } from "./families.ts";
import type { Counter, Gauge, GaugeOptions, Histogram, HistogramOptions, MetricOptions, Metrics } from "./metrics.ts";

/** How a registry is made. */
export interface CreateMetricsOptions {
  /** Labels that each sample carries. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Also measures this process: memory, CPU, garbage collection, delays of the event loop. Default: false. */
  readonly process?: boolean;
}

type Kind = "counter" | "gauge" | "histogram";

interface Known {
  readonly shape: string;
  readonly metric: unknown;
}

const namePattern = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelPattern = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Makes a registry. prom-client is loaded by the first call, so that what only takes a `Metrics` costs nothing. */
export async function createMetrics(options: CreateMetricsOptions = {}): Promise<Metrics> {
  const prom = (await import("prom-client")).default;
  const registry = new prom.Registry();
  if (options.labels !== undefined) registry.setDefaultLabels(options.labels);
  if (options.process === true) prom.collectDefaultMetrics({ register: registry });
  const known = new Map<string, Known>();

  const once = <T>(kind: Kind, { name, labels = [] }: MetricOptions<string>, make: () => T): T => {
    refuseInvalid(name, labels);
    const shape = `${kind} with labels ${labels.toSorted().join(", ") || "none"}`;
    const before = known.get(name);
    if (before === undefined) {
      const metric = make();
      known.set(name, { shape, metric });
      return metric;
    }
    if (before.shape !== shape) {
      throw new KxError("KX_METRICS_CONFLICT", `metric ${name} is a ${before.shape}, not a ${shape}`, {
        remedy: "give one of the two another name",
        details: { name },
      });
    }
    return before.metric as T;
  };

  return {
    counter: <L extends string>(metric: MetricOptions<L>) =>
      once("counter", metric, () => counter<L>(new prom.Counter(configOf(metric, registry)))),
    gauge: <L extends string>(metric: GaugeOptions<L>) =>
      once("gauge", metric, () => gauge<L>(prom.Gauge, metric, registry)),
    histogram: <L extends string>(metric: HistogramOptions<L>) =>
      once("histogram", metric, () =>
        histogram<L>(new prom.Histogram({ ...configOf(metric, registry), buckets: [...metric.buckets] })),
      ),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    families: async () => (await registry.getMetricsAsJSON()).map(familyOf),
  };
}

type PromFamily = Awaited<ReturnType<Prom.Registry["getMetricsAsJSON"]>>[number];

function familyOf({ name, help, type, values }: PromFamily): MetricFamily {
  const samples = values.map((one): MetricSample => {
    const labels = Object.fromEntries(Object.entries(one.labels).map(([label, text]) => [label, String(text)]));
    const suffix = "metricName" in one && typeof one.metricName === "string" ? one.metricName.slice(name.length) : "";
    return { labels, value: one.value, ...(suffix === "" ? {} : { suffix }) };
  });
  // Typed as an enum's number, and a text. Nothing else can be made here, nor is a process measured by anything else.
  return { name, help, type: String(type) as MetricFamily["type"], samples };
}

function configOf({ name, help, labels = [] }: MetricOptions<string>, registry: Prom.Registry) {
  return { name, help, labelNames: [...labels], registers: [registry] };
}

function counter<L extends string>(metric: Prom.Counter): Counter<L> {
  return { inc: (by, ...[labels]) => metric.inc(labels ?? {}, by) };
}

function gauge<L extends string>(
  PromGauge: typeof Prom.Gauge,
  options: GaugeOptions<L>,
  registry: Prom.Registry,
): Gauge<L> {
  const metric: Prom.Gauge = new PromGauge({
    ...configOf(options, registry),
    ...(options.collect === undefined ? {} : { collect: () => options.collect?.(own) }),
  });
  const own: Gauge<L> = {
    set: (value, ...[labels]) => metric.set(labels ?? {}, value),
    inc: (by, ...[labels]) => metric.inc(labels ?? {}, by),
    remove: (...[labels]) => metric.remove(labels ?? {}),
  };
  return own;
}

function histogram<L extends string>(metric: Prom.Histogram): Histogram<L> {
  return { observe: (value, ...[labels]) => metric.observe(labels ?? {}, value) };
}

function refuseInvalid(name: string, labels: readonly string[]): void {
  const wrong = [...(namePattern.test(name) ? [] : [name]), ...labels.filter((label) => !labelPattern.test(label))];
  if (wrong.length === 0) return;
  throw new KxError(
    "KX_METRICS_INVALID",
    `${wrong.map((text) => JSON.stringify(text)).join(", ")} cannot name a metric or a label`,
    {
      remedy: "use letters, digits and underscores, and no digit first",
    },
  );
}
