// A node's part of the pod network, beside the plug-ins: configuration, routes, and an end for what pods leave behind.

export { createNodeNetwork, type NodeNetworkHost } from "./node-network.ts";
export type { ClusterFacts, NodeEvent, NodeFacts, NodeObjects, OpenNodeObjects } from "./node-objects.ts";
export type { NodeNetworkOptions } from "./settings.ts";
