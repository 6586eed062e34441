import type { Clock, Logger } from "@kx/core";

/** What the network needs to know of a Node object. */
export interface NodeFacts {
  readonly name: string;
  /** `spec.podCIDRs`: the ranges of its pods, at most one a family. None until the cluster has given it some. */
  readonly podCidrs: readonly string[];
  /** Its addresses of type InternalIP. */
  readonly internalIps: readonly string[];
  /** Its condition NetworkUnavailable; absent if it has none. */
  readonly networkUnavailable?: { readonly status: string; readonly reason: string };
}

/** What the network needs to know of the cluster. */
export interface ClusterFacts {
  readonly nodes: readonly NodeFacts[];
  /** How many NetworkPolicies there are. */
  readonly networkPolicies: number;
}

/** Something that users should know of a node. */
export interface NodeEvent {
  readonly type: "Normal" | "Warning";
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** The cluster's objects, as the program around gives them: this package knows no client of the API server. */
export interface NodeObjects extends AsyncDisposable {
  /** Tells the facts as soon as all are known, and again after each change, until the signal aborts. */
  follow(signal: AbortSignal, changed: (facts: ClusterFacts) => void): Promise<void>;
  /** Sets the node's condition NetworkUnavailable to False. */
  setNetworkAvailable(node: string, why: { readonly reason: string; readonly message: string }): Promise<void>;
  /** Records an event about the node. Returns at once. */
  event(node: string, event: NodeEvent): void;
}

/** Opens the objects of the cluster that a host belongs to. */
export type OpenNodeObjects = (host: {
  readonly kubeconfig?: string;
  readonly log: Logger;
  readonly clock: Clock;
}) => Promise<NodeObjects>;
