import type { Metrics } from "../metrics/index.ts";
import { methodPath, type UniversalInterceptor } from "./handlers.ts";
import { observe } from "./observe.ts";
import { goStatusName } from "./status.ts";
import { type StatusTable, toStatus } from "./status-mapping.ts";

/** What `measureCalls` needs. */
export interface MeasureCallsOptions {
  readonly metrics: Metrics;
  /** The histogram is `<prefix>_operations_seconds`, as in CSI's sidecars with `csi_sidecar`. Default: `kx_grpc`. */
  readonly prefix?: string;
  /** Labels that each sample carries, such as `{ driver_name: "hostpath.kx.dev" }`. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Upper bounds in seconds. Default: those of CSI's sidecars, 0.1 to 600. */
  readonly buckets?: readonly number[];
  /** Which status answers which error. Default: what the errors say themselves. */
  readonly statusTable?: StatusTable;
}

/** Those of kubernetes-csi/csi-lib-utils, so that dashboards made for it fit. */
const sidecarBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];

/** Observes each call's seconds in a histogram labelled `method_name` and `grpc_status_code`, the code as Go spells it. */
export function measureCalls(options: MeasureCallsOptions): UniversalInterceptor {
  const { metrics, prefix = "kx_grpc", labels = {}, buckets = sidecarBuckets, statusTable } = options;
  const histogram = metrics.histogram({
    name: `${prefix}_operations_seconds`,
    help: "Seconds that gRPC calls took, by method and status",
    labels: ["method_name", "grpc_status_code", ...Object.keys(labels)],
    buckets,
  });
  return (next, method) => {
    const name = methodPath(method);
    return observe(next, method, (_, end, ms) => {
      const status =
        end.outcome === "failed" ? toStatus(end.error, statusTable).status : end.outcome === "ok" ? "OK" : "CANCELLED";
      histogram.observe(ms / 1000, { ...labels, method_name: name, grpc_status_code: goStatusName(status) });
    });
  };
}
