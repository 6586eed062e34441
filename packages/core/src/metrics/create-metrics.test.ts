import { describe, expect, expectTypeOf, it } from "vitest";
import { type Counter, createMetrics } from "./index.ts";

describe("createMetrics", () => {
  it("exposes counters, gauges and histograms as text", async () => {
    const metrics = await createMetrics({ labels: { node: "n1" } });
    metrics.counter({ name: "a_total", help: "A", labels: ["kind"] }).inc(2, { kind: "x" });
    const gauge = metrics.gauge({ name: "b", help: "B" });
    gauge.set(5);
    gauge.inc(-1);
    metrics.histogram({ name: "c_seconds", help: "C", buckets: [0.1, 1] }).observe(0.5);
    const text = await metrics.text();
    expect(text).toContain('a_total{kind="x",node="n1"} 2');
    expect(text).toContain('b{node="n1"} 4');
    expect(text).toContain('c_seconds_bucket{le="0.1",node="n1"} 0');
    expect(text).toContain('c_seconds_bucket{le="1",node="n1"} 1');
    expect(metrics.contentType).toContain("text/plain");
  });

  it("asks a gauge before each exposition, and forgets what is removed", async () => {
    const metrics = await createMetrics();
    let now = 1;
    const gauge = metrics.gauge({
      name: "g",
      help: "G",
      labels: ["of"],
      async collect(own) {
        own.set(now, { of: "now" });
      },
    });
    gauge.set(9, { of: "gone" });
    gauge.remove({ of: "gone" });
    expect(await metrics.text()).toContain('g{of="now"} 1');
    now = 2;
    expect(await metrics.text()).toContain('g{of="now"} 2');
    expect(await metrics.text()).not.toContain("gone");
  });

  it("gives the same metric again, and refuses another of its name", async () => {
    const metrics = await createMetrics();
    metrics.counter({ name: "n_total", help: "N", labels: ["a", "b"] }).inc(1, { a: 1, b: 2 });
    metrics.counter({ name: "n_total", help: "N", labels: ["b", "a"] }).inc(1, { a: 1, b: 2 });
    expect(await metrics.text()).toContain('n_total{a="1",b="2"} 2');
    expect(() => metrics.counter({ name: "n_total", help: "N" })).toThrow(
      /KX_METRICS_CONFLICT.*counter with labels a, b/,
    );
    expect(() => metrics.gauge({ name: "n_total", help: "N", labels: ["a", "b"] })).toThrow("KX_METRICS_CONFLICT");
    expect(() => metrics.gauge({ name: "9x", help: "N" })).toThrow("KX_METRICS_INVALID");
    expect(() => metrics.gauge({ name: "x", help: "N", labels: ["a-b"] })).toThrow('"a-b"');
  });

  it("shares nothing between registries, and measures the process where that is asked for", async () => {
    const [one, other] = await Promise.all([createMetrics({ process: true }), createMetrics()]);
    one.counter({ name: "x_total", help: "X" }).inc(1);
    expect(await other.text()).toBe("\n");
    expect(await one.text()).toContain("process_cpu_seconds_total");
  });

  it("knows the labels' types", async () => {
    const metrics = await createMetrics();
    const counter = metrics.counter({ name: "t_total", help: "T", labels: ["a"] });
    expectTypeOf(counter).toEqualTypeOf<Counter<"a">>();
    type Args<C extends { inc(...args: never[]): void }> = Parameters<C["inc"]>;
    expectTypeOf<Args<typeof counter>>().toEqualTypeOf<[by: number, labels: Readonly<Record<"a", string | number>>]>();
    const plain = metrics.counter({ name: "u_total", help: "U" });
    expectTypeOf<Args<typeof plain>>().toEqualTypeOf<[by: number]>();
  });
});
