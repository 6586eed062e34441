import { describe, expect, it } from "vitest";
import type { Extension, HostEnv } from "../extension.ts";
import { createMetrics, type MetricFamily } from "../metrics/index.ts";
import { collectingLogger, fakeClock } from "../testing/index.ts";
import { type RunHostOptions, runHost } from "./index.ts";

function extensionOf(name: string, measure: (env: HostEnv) => void, own?: () => readonly MetricFamily[]): Extension {
  const parts = (env: HostEnv) => {
    measure(env);
    return [];
  };
  const metrics = own === undefined ? {} : { metrics: own };
  return { kx: 1, kind: "controller", name, version: "1", parts, manifests: () => [], ...metrics };
}

async function host(extensions: readonly Extension[], more: Partial<RunHostOptions>) {
  const log = collectingLogger();
  const running = await runHost({
    role: "controller",
    extensions,
    log,
    clock: fakeClock(),
    health: { port: 0 },
    ...more,
  });
  return { log, running, metrics: () => fetch(`${running.healthUrl}/metrics`) };
}

const count = (env: HostEnv) => env.metrics?.counter({ name: "done_total", help: "Done." }).inc(1);

describe("/metrics of a host", () => {
  it("shows its own, and with a label what extensions count or keep, each name under one head", async () => {
    const metrics = await createMetrics();
    metrics.gauge({ name: "up", help: "Up." }).set(1);
    const depth: MetricFamily = {
      name: "depth",
      help: "Keys.",
      type: "gauge",
      samples: [{ labels: { name: "q" }, value: 2 }],
    };
    const { running, metrics: get } = await host([extensionOf("a", count), extensionOf("b", count, () => [depth])], {
      metrics,
    });
    const response = await get();
    expect(response.headers.get("content-type")).toContain("version=0.0.4");
    expect((await response.text()).trim().split("\n")).toEqual([
      "# HELP up Up.",
      "# TYPE up gauge",
      "up 1",
      "# HELP done_total Done.",
      "# TYPE done_total counter",
      'done_total{extension="a"} 1',
      'done_total{extension="b"} 1',
      "# HELP depth Keys.",
      "# TYPE depth gauge",
      'depth{name="q",extension="b"} 2',
    ]);
    await running.stop();
  });

  it("leaves out an extension that cannot tell, and says so", async () => {
    const broken = () => {
      throw new Error("no idea");
    };
    const { log, running, metrics } = await host([extensionOf("a", count), extensionOf("b", count, broken)], {
      metrics: await createMetrics(),
    });
    expect(await (await metrics()).text()).toContain('done_total{extension="a"} 1\n');
    expect(log.lines.find(({ level }) => level === "warn")?.fields).toMatchObject({
      extension: "b",
      err: new Error("no idea"),
    });
    await running.stop();
  });

  it("is not there without a registry, and extensions have none", async () => {
    let given: unknown = "nothing yet";
    const curious = extensionOf("a", (env) => {
      given = env.metrics;
    });
    const { running, metrics } = await host([curious], {});
    expect((await metrics()).status).toBe(404);
    expect(given).toBeUndefined();
    await running.stop();
  });
});
