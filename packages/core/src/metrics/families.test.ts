import { describe, expect, it } from "vitest";
import { createMetrics, type MetricFamily, renderFamilies, withLabel } from "./index.ts";

const depth = (name: string, value: number): MetricFamily => ({
  name: "depth",
  type: "gauge",
  help: "Keys\nthat wait.",
  samples: [{ labels: { name }, value }],
});

describe("renderFamilies", () => {
  it("writes each name's head once, escapes, and writes what is no finite number as Prometheus reads it", () => {
    const sum = { suffix: "_sum", labels: {}, value: 2.5 };
    const families = [
      depth("a", Infinity),
      { name: "work", type: "histogram", help: "Times.", samples: [sum] } as const,
      depth('b"\\\n', Number.NaN),
    ];
    expect(renderFamilies(families).split("\n")).toEqual([
      "# HELP depth Keys\\nthat wait.",
      "# TYPE depth gauge",
      'depth{name="a"} +Inf',
      'depth{name="b\\"\\\\\\n"} NaN',
      "# HELP work Times.",
      "# TYPE work histogram",
      "work_sum 2.5",
      "",
    ]);
  });

  it("writes what a registry gives as the registry itself does", async () => {
    const metrics = await createMetrics();
    metrics.counter({ name: "calls_total", help: "Calls.", labels: ["to"] }).inc(2, { to: "a" });
    metrics.gauge({ name: "open", help: "Open." }).set(3);
    metrics.histogram({ name: "took_seconds", help: "Took.", buckets: [0.1, 1] }).observe(0.5);
    const samplesOf = (text: string) => text.split("\n").filter((line) => line !== "");
    const own = samplesOf(await metrics.text());
    expect(own.length).toBeGreaterThan(8);
    expect(samplesOf(renderFamilies(await metrics.families()))).toEqual(own);
  });
});

it("adds a label to each sample, in place of one of that name", () => {
  const [family] = withLabel([depth("a", 1)], "name", "b");
  expect(family?.samples).toEqual([{ labels: { name: "b" }, value: 1 }]);
  const [other] = withLabel([depth("a", 1)], "extension", "b");
  expect(other?.samples).toEqual([{ labels: { name: "a", extension: "b" }, value: 1 }]);
});
