import type { Metrics } from "@kx/core/metrics";

/** What the node's network shows of itself. */
export interface NodeNetworkMeasures {
  facts(now: { readonly unreachable: number; readonly isShadowed: boolean; readonly unenforced: number }): void;
  collected(removed: number): void;
  failed(what: "setup" | "gc"): void;
}

export function createMeasures(metrics: Metrics | undefined): NodeNetworkMeasures {
  if (metrics === undefined) return { facts() {}, collected() {}, failed() {} };
  const unreachable = metrics.gauge({
    name: "kx_cni_unreachable_pod_ranges",
    help: "Ranges of other nodes' pods that this node has no route to.",
  });
  const shadowed = metrics.gauge({
    name: "kx_cni_configuration_shadowed",
    help: "1 if the container runtime takes another network configuration than kx's.",
  });
  const unenforced = metrics.gauge({
    name: "kx_cni_unenforced_network_policies",
    help: "NetworkPolicies of the cluster, which nothing on this node enforces.",
  });
  const looks = metrics.counter({
    name: "kx_cni_gc_looks_total",
    help: "Successful looks for attachments that are out of use.",
  });
  const removed = metrics.counter({
    name: "kx_cni_gc_removed_total",
    help: "Attachments that were removed because their pod was gone.",
  });
  const failures = metrics.counter({
    name: "kx_cni_node_network_failures_total",
    help: "Tries to set the node's network up, or to remove what is out of use, that failed.",
    labels: ["work"],
  });
  return {
    facts(now) {
      unreachable.set(now.unreachable);
      shadowed.set(now.isShadowed ? 1 : 0);
      unenforced.set(now.unenforced);
    },
    collected(count) {
      looks.inc(1);
      removed.inc(count);
    },
    failed: (work) => failures.inc(1, { work }),
  };
}
