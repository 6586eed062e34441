import type { Clock, MetricFamily, MetricSample } from "@kx/core";

/** What a queue tells of its keys. */
export interface QueueMetrics {
  added(key: string): void;
  taken(key: string): void;
  finished(key: string): void;
  retried(): void;
  families(depth: number): readonly MetricFamily[];
}

/** Upper bounds in seconds: those of client-go, powers of ten from 10 ns to 10 s. */
const buckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10];

/** Metrics with the names and meanings of client-go's, so that its dashboards and alerts serve here too. */
export function createQueueMetrics(name: string, clock: Clock): QueueMetrics {
  const addedAt = new Map<string, number>();
  const takenAt = new Map<string, number>();
  const [waits, works] = [histogram(), histogram()];
  let adds = 0;
  let retries = 0;
  const since = (at: number) => Math.max(0, (clock.now() - at) / 1000);
  const one = (value: number): readonly MetricSample[] => [{ labels: { name }, value }];

  return {
    added(key) {
      adds += 1;
      addedAt.set(key, clock.now());
    },
    taken(key) {
      waits.observe(since(addedAt.get(key) ?? clock.now()));
      addedAt.delete(key);
      takenAt.set(key, clock.now());
    },
    finished(key) {
      const at = takenAt.get(key);
      if (at !== undefined) works.observe(since(at));
      takenAt.delete(key);
    },
    retried() {
      retries += 1;
    },
    families(depth) {
      const running = [...takenAt.values()].map(since);
      return [
        family("depth", "gauge", "Keys that wait for a worker.", one(depth)),
        family("adds_total", "counter", "Keys added, each once until it is taken.", one(adds)),
        family("queue_duration_seconds", "histogram", "How long keys waited.", waits.samples(name)),
        family("work_duration_seconds", "histogram", "How long workers had keys.", works.samples(name)),
        family(
          "unfinished_work_seconds",
          "gauge",
          "Sum of the times that workers have had their present keys.",
          one(sum(running)),
        ),
        family(
          "longest_running_processor_seconds",
          "gauge",
          "The longest of these times.",
          one(Math.max(0, ...running)),
        ),
        family("retries_total", "counter", "Keys added after a failure.", one(retries)),
      ];
    },
  };
}

function family(
  name: string,
  type: MetricFamily["type"],
  help: string,
  samples: readonly MetricSample[],
): MetricFamily {
  return { name: `workqueue_${name}`, type, help, samples };
}

function histogram() {
  const counts = buckets.map(() => 0);
  let [total, count] = [0, 0];
  return {
    observe(seconds: number) {
      for (const [index, bound] of buckets.entries()) if (seconds <= bound) counts[index] = (counts[index] ?? 0) + 1;
      total += seconds;
      count += 1;
    },
    samples: (name: string): readonly MetricSample[] => [
      ...buckets.map((bound, index) => ({
        suffix: "_bucket",
        labels: { name, le: String(bound) },
        value: counts[index] ?? 0,
      })),
      { suffix: "_bucket", labels: { name, le: "+Inf" }, value: count },
      { suffix: "_sum", labels: { name }, value: total },
      { suffix: "_count", labels: { name }, value: count },
    ],
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
