import type { Client } from "@kx/controllers";
import { Lease } from "@kx/controllers/api/coordination-v1";
import { Node } from "@kx/controllers/api/core-v1";
import { CSINode } from "@kx/controllers/api/storage-v1";

/** Nodes that the API server knows and no machine stands behind. */
export interface PaperNodes extends AsyncDisposable {
  /** Adds one that is ready. @param drivers - ids of the node by the drivers that it has */
  add(name: string, drivers: Readonly<Record<string, string>>): Promise<void>;
  /** It does not answer from now on. */
  fall(name: string): Promise<void>;
}

const heartbeatMs = 5000;
const leases = "kube-node-lease";

/** Makes some, and keeps them ready as kubelets would. */
export function paperNodes(client: Client): PaperNodes {
  const beating = new Set<string>();
  const condition = (status: "True" | "Unknown") => ({
    type: "Ready",
    status,
    reason: status === "True" ? "KubeletReady" : "NodeStatusUnknown",
    message: status === "True" ? "" : "Kubelet stopped posting node status.",
    lastHeartbeatTime: new Date().toISOString(),
    lastTransitionTime: new Date().toISOString(),
  });
  const tell = (name: string, status: "True" | "Unknown") =>
    client.patch(
      Node,
      { name },
      {
        status: {
          conditions: [condition(status)],
          capacity: { cpu: "4", memory: "8Gi", pods: "110" },
          allocatable: { cpu: "4", memory: "8Gi", pods: "110" },
        },
      },
      { type: "merge", subresource: "status" },
    );
  const beat = (name: string) =>
    client.patch(
      Lease,
      { namespace: leases, name },
      {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { namespace: leases, name },
        spec: {
          holderIdentity: name,
          leaseDurationSeconds: 40,
          renewTime: new Date().toISOString().replace("Z", "000Z"),
        },
      },
      { force: true },
    );
  const failures: unknown[] = [];
  const timer = setInterval(() => {
    for (const name of beating) beat(name).catch((error: unknown) => failures.push(error));
  }, heartbeatMs);
  return {
    async add(name, drivers) {
      // The attach/detach controller looks after nodes whose kubelets leave that to it.
      const annotations = { "volumes.kubernetes.io/controller-managed-attach-detach": "true" };
      await client.create(Node, { metadata: { name, annotations, labels: { "kubernetes.io/hostname": name } } });
      await client.create(CSINode, {
        metadata: { name },
        spec: { drivers: Object.entries(drivers).map(([driver, nodeID]) => ({ name: driver, nodeID })) },
      });
      await beat(name);
      beating.add(name);
      await tell(name, "True");
    },
    async fall(name) {
      beating.delete(name);
      await tell(name, "Unknown");
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      if (failures.length > 0) throw new AggregateError(failures, "heartbeats have failed");
    },
  };
}
