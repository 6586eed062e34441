import type { Metrics } from "@kx/core/metrics";
import type { PoolUse } from "./pool-use.ts";

/** What the node's network shows of itself. */
export interface NodeNetworkMeasures {
  facts(now: {
    readonly unreachable: number;
    readonly isShadowed: boolean;
    readonly isUninstalled: boolean;
    readonly unenforced: number;
  }): void;
  pools(now: readonly PoolUse[]): void;
  collected(removed: number): void;
  failed(what: "setup" | "gc"): void;
}

export function createMeasures(metrics: Metrics | undefined): NodeNetworkMeasures {
  if (metrics === undefined) return { facts() {}, pools() {}, collected() {}, failed() {} };
  const unreachable = metrics.gauge({
    name: "kx_cni_unreachable_pod_ranges",
    help: "Ranges of other nodes' pods that this node has no route to.",
  });
  const shadowed = metrics.gauge({
    name: "kx_cni_configuration_shadowed",
    help: "1 if the container runtime takes another network configuration than kx's.",
  });
  const uninstalled = metrics.gauge({
    name: "kx_cni_plugins_missing",
    help: "1 if kx's plug-ins are not where the container runtime looks for them.",
  });
  const unenforced = metrics.gauge({
    name: "kx_cni_unenforced_network_policies",
    help: "NetworkPolicies of the cluster, which nothing on this node enforces.",
  });
  const addresses = metrics.gauge({
    name: "kx_cni_pool_addresses",
    help: "Addresses that the pods of this node may get.",
    labels: ["range"],
  });
  const free = metrics.gauge({
    name: "kx_cni_pool_free_addresses",
    help: "Addresses of this node that no pod has; at 0, new pods wait.",
    labels: ["range"],
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
  let ranges: readonly string[] = [];
  return {
    facts(now) {
      unreachable.set(now.unreachable);
      shadowed.set(now.isShadowed ? 1 : 0);
      uninstalled.set(now.isUninstalled ? 1 : 0);
      unenforced.set(now.unenforced);
    },
    pools(now) {
      const former = ranges;
      ranges = now.map(({ range }) => range);
      for (const range of former.filter((one) => !ranges.includes(one))) {
        addresses.remove({ range });
        free.remove({ range });
      }
      for (const pool of now) {
        addresses.set(Number(pool.size), { range: pool.range });
        free.set(Number(pool.free), { range: pool.range });
      }
    },
    collected(count) {
      looks.inc(1);
      removed.inc(count);
    },
    failed: (work) => failures.inc(1, { work }),
  };
}
