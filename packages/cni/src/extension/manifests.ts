import type { KubeObject, RenderEnv } from "@kx/core";

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
  return [...confinement(`system:serviceaccount:${namespace}:${nodeAccount}`), role];
}

/** The role that the node agent's account needs. */
const nodeRole = "kx:node:cni";

/** Roles cannot tell one node's objects from another's: a policy lets a token write those of the node that it names. */
function confinement(user: string): readonly KubeObject[] {
  const metadata = { name: "kx-node-agent-own-node" };
  const apiVersion = "admissionregistration.k8s.io/v1";
  const isOwn = [
    "request.resource.resource == 'events'",
    "? !has(object.regarding.kind) || object.regarding.kind != 'Node' || object.regarding.name == variables.node",
    ": object.metadata.name == variables.node",
  ];
  return [
    {
      apiVersion,
      kind: "ValidatingAdmissionPolicy",
      metadata,
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [""],
              apiVersions: ["v1"],
              operations: ["CREATE", "UPDATE"],
              resources: ["nodes", "nodes/status"],
            },
            {
              apiGroups: ["events.k8s.io"],
              apiVersions: ["v1"],
              operations: ["CREATE", "UPDATE"],
              resources: ["events"],
            },
          ],
        },
        matchConditions: [{ name: "node-agent", expression: `request.userInfo.username == '${user}'` }],
        variables: [
          {
            name: "node",
            expression: "request.userInfo.extra[?'authentication.kubernetes.io/node-name'][0].orValue('')",
          },
        ],
        validations: [
          {
            expression: isOwn.join(" "),
            messageExpression: "'the agent of node ' + variables.node + ' writes the objects of its own node alone'",
          },
        ],
      },
    },
    {
      apiVersion,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata,
      spec: { policyName: metadata.name, validationActions: ["Deny"] },
    },
  ];
}
