export { type CreateMetricsOptions, createMetrics } from "./create-metrics.ts";
export { type MetricFamily, type MetricSample, renderFamilies, withLabel } from "./families.ts";
export type {
  Counter,
  Gauge,
  GaugeOptions,
  Histogram,
  HistogramOptions,
  LabelArgs,
  MetricOptions,
  Metrics,
} from "./metrics.ts";
