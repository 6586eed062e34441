import { KxError } from "@kx/core";
import { createMetrics } from "@kx/core/metrics";
import { expect, it } from "vitest";
import { observeCalls } from "./call-metrics.ts";

it("tells how long each part of a call took, and what calls came to", async () => {
  const metrics = await createMetrics();
  const observe = observeCalls(metrics, ["kx-bridge"]);
  const outcome = { exitCode: 0, stdout: "", stderr: "", timings: [{ phase: "attach", ms: 2 }] } as const;
  observe({ type: "kx-bridge", env: { CNI_COMMAND: "ADD" }, stdin: "" }, outcome);
  const error = new KxError("KX_CNI_POOL_EXHAUSTED", "no address is free");
  observe({ type: "kx-bridge", env: { CNI_COMMAND: "ADD" }, stdin: "" }, { ...outcome, exitCode: 1, error });
  const isEased = new KxError("KX_CNI_NOT_AVAILABLE", "all addresses are taken");
  observe(
    { type: "kx-bridge", env: { CNI_COMMAND: "STATUS" }, stdin: "" },
    { ...outcome, error: isEased, isEased: true },
  );
  // What a caller makes up is no label.
  observe({ type: "x{}", env: { CNI_COMMAND: "made up" }, stdin: "" }, { ...outcome, timings: [] });
  const text = await metrics.text();
  expect(text).toContain('kx_cni_phase_seconds_bucket{le="0.0025",type="kx-bridge",command="ADD",phase="attach"} 2');
  expect(text).toContain('kx_cni_calls_total{type="kx-bridge",command="ADD",outcome="ok"} 1');
  expect(text).toContain('kx_cni_calls_total{type="kx-bridge",command="ADD",outcome="KX_CNI_POOL_EXHAUSTED"} 1');
  // The policy is the runtime's affair: here is the truth.
  expect(text).toContain('kx_cni_calls_total{type="kx-bridge",command="STATUS",outcome="KX_CNI_NOT_AVAILABLE"} 1');
  expect(text).toContain('kx_cni_calls_total{type="other",command="other",outcome="ok"} 1');
});
