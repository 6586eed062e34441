import type { KubeObject, RenderEnv } from "@kx/core";
import { type OwnNodeRule, ownNodePolicy } from "@kx/core/manifests";

/** What the node's part reads and writes in the cluster, and what keeps it from other nodes' objects. */
export function manifests({ namespace, nodeAccount }: RenderEnv): readonly KubeObject[] {
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: nodeRole },
    rules: [
      { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
      { apiGroups: [""], resources: ["nodes/status"], verbs: ["patch"] },
      { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["list", "watch"] },
      { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
    ],
  };
  if (nodeAccount === undefined) return [role];
  const policy = { name: "kx-node-agent-own-node", namespace, account: nodeAccount, actor: "agent", rules: confined };
  return [...ownNodePolicy(policy), role];
}

/** The role that the node agent's account needs. */
const nodeRole = "kx:node:cni";

const isOwnNode = "object.metadata.name == variables.node";

/** What the agent writes of its own node alone. */
const confined: readonly OwnNodeRule[] = [
  { apiGroup: "", resources: ["nodes", "nodes/status"], operations: ["CREATE", "UPDATE"], isOwn: isOwnNode },
  {
    apiGroup: "events.k8s.io",
    resources: ["events"],
    operations: ["CREATE", "UPDATE"],
    isOwn: "!has(object.regarding.kind) || object.regarding.kind != 'Node' || object.regarding.name == variables.node",
  },
];
