import type { Metrics } from "@kx/core/metrics";
import type { CarriedOutcome } from "./carry-out.ts";
import type { CniRequest } from "./frame.ts";

/** Between what a call through the shim takes on an idle machine and what a runtime waits for. */
const secondBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];
const commands: readonly string[] = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"];

/** Tells metrics of each call. */
export type CallObserver = (request: CniRequest, outcome: CarriedOutcome) => void;

/** Makes the daemon's metrics. Labels hold nothing that a caller could make up. */
export function observeCalls(metrics: Metrics, types: readonly string[]): CallObserver {
  const phases = metrics.histogram({
    name: "kx_cni_phase_seconds",
    help: "How long the parts of CNI calls took; the part call is all of it.",
    labels: ["type", "command", "phase"],
    buckets: secondBuckets,
  });
  const calls = metrics.counter({
    name: "kx_cni_calls_total",
    help: "CNI calls by what they came to: ok, or the error's code.",
    labels: ["type", "command", "outcome"],
  });
  return ({ type, env }, { timings, error }) => {
    const command = commands.find((one) => one === env["CNI_COMMAND"]) ?? "other";
    const labels = { type: types.includes(type) ? type : "other", command };
    for (const { phase, ms } of timings) phases.observe(ms / 1000, { ...labels, phase });
    calls.inc(1, { ...labels, outcome: error?.code ?? "ok" });
  };
}
