import type { MetricFamily } from "./families.ts";

/** What every kind of metric is described by. */
export interface MetricOptions<L extends string> {
  /** With its unit: `kx_volume_bytes`; a counter's ends in `_total`. */
  readonly name: string;
  readonly help: string;
  /** Default: none. */
  readonly labels?: readonly L[];
}

/** The values of a metric's labels, all of them; nothing for a metric without labels. */
export type LabelArgs<L extends string> = [L] extends [never] ? [] : [labels: Readonly<Record<L, string | number>>];

/** Only grows. */
export interface Counter<L extends string> {
  /** Adds `by`, which is not negative. */
  inc(by: number, ...labels: LabelArgs<L>): void;
}

/** Goes up and down. */
export interface Gauge<L extends string> {
  set(value: number, ...labels: LabelArgs<L>): void;
  /** Adds `by`, which may be negative. */
  inc(by: number, ...labels: LabelArgs<L>): void;
  /** Forgets the sample with these labels: what it told of is gone. */
  remove(...labels: LabelArgs<L>): void;
}

/** What a gauge is described by. */
export interface GaugeOptions<L extends string> extends MetricOptions<L> {
  /** Called before each exposition, to set values that nobody reports. Default: nothing is. */
  collect?(gauge: Gauge<L>): void | Promise<void>;
}

/** Counts observations by size. */
export interface Histogram<L extends string> {
  observe(value: number, ...labels: LabelArgs<L>): void;
}

/** What a histogram is described by. */
export interface HistogramOptions<L extends string> extends MetricOptions<L> {
  /** Upper bounds, ascending, in the unit of the name. */
  readonly buckets: readonly number[];
}

/**
 * A registry of metrics, never a global one. Asking again for a metric of the same name, kind and labels gives the same one,
 * so that two servers of a host can share it.
 *
 * Its methods throw KxError `KX_METRICS_INVALID` for a name or label that Prometheus refuses, and `KX_METRICS_CONFLICT` for a name
 * that stands for another metric.
 */
export interface Metrics {
  counter<const L extends string = never>(options: MetricOptions<L>): Counter<L>;
  gauge<const L extends string = never>(options: GaugeOptions<L>): Gauge<L>;
  histogram<const L extends string = never>(options: HistogramOptions<L>): Histogram<L>;
  /** The type of what `text` gives, for the header of that name. */
  readonly contentType: string;
  /** All samples, in Prometheus' text format. */
  text(): Promise<string>;
  /** All samples as plain data, for those who put several registries together. */
  families(): Promise<readonly MetricFamily[]>;
}
