import { describe, expect, it } from "vitest";
import { renderMetrics } from "./render-metrics.ts";

describe("renderMetrics", () => {
  it("writes each name's head once, and escapes labels", () => {
    const family = (name: string, value: number) =>
      ({ name: "depth", type: "gauge", help: "Keys.", samples: [{ labels: { name }, value }] }) as const;
    const sum = { suffix: "_sum", labels: {}, value: 2.5 };
    const text = renderMetrics([
      family("a", 1),
      { name: "work", type: "histogram", help: "Times.", samples: [sum] },
      family('b"\\\n', 2),
    ]);
    expect(text.split("\n")).toEqual([
      "# HELP depth Keys.",
      "# TYPE depth gauge",
      'depth{name="a"} 1',
      'depth{name="b\\"\\\\\\n"} 2',
      "# HELP work Times.",
      "# TYPE work histogram",
      "work_sum{} 2.5",
      "",
    ]);
  });
});
