import type { KubeObject } from "../extension.ts";

/** Resources of which an account may write its own node's objects alone. */
export interface OwnNodeRule {
  readonly apiGroup: string;
  /** With subresources of their own: `nodes/status`. */
  readonly resources: readonly string[];
  readonly operations: readonly ("CREATE" | "UPDATE" | "DELETE")[];
  /** CEL: whether it is the object of the node `variables.node`; it has `object`, `oldObject` and `request`. */
  readonly isOwn: string;
}

/** Whom a policy is for, and what it lets them write. */
export interface OwnNodePolicy {
  /** Name of the policy and of its binding. */
  readonly name: string;
  /** The account's namespace. */
  readonly namespace: string;
  /** Name of the account; its tokens must name their node, as those of pods do. */
  readonly account: string;
  /** Who it is, for whoever is refused: `agent`. */
  readonly actor: string;
  readonly rules: readonly OwnNodeRule[];
}

/**
 * Confines an account of nodes to the objects of its own node, which roles cannot: they do not tell one node's objects from
 * another's. Without the name of a node in its token the account may write none.
 */
export function ownNodePolicy({ name, namespace, account, actor, rules }: OwnNodePolicy): readonly KubeObject[] {
  const apiVersion = "admissionregistration.k8s.io/v1";
  const user = `system:serviceaccount:${namespace}:${account}`;
  const messageExpression = `'the ${actor} of node ' + variables.node + ' writes the objects of its own node alone'`;
  return [
    {
      apiVersion,
      kind: "ValidatingAdmissionPolicy",
      metadata: { name },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: rules.map(({ apiGroup, resources, operations }) => ({
            apiGroups: [apiGroup],
            apiVersions: ["*"],
            operations,
            resources,
          })),
        },
        matchConditions: [{ name: "node-account", expression: `request.userInfo.username == '${user}'` }],
        variables: [
          {
            name: "node",
            expression: "request.userInfo.extra[?'authentication.kubernetes.io/node-name'][0].orValue('')",
          },
        ],
        validations: rules.map((rule) => ({ expression: validation(rule), messageExpression })),
      },
    },
    {
      apiVersion,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name },
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  ];
}

function validation({ apiGroup, resources, isOwn }: OwnNodeRule): string {
  const plurals = [...new Set(resources.map((resource) => resource.split("/")[0] ?? ""))];
  const isMeant = plurals.map((plural) => `request.resource.resource == '${plural}'`).join(" || ");
  return `!(request.resource.group == '${apiGroup}' && (${isMeant})) || (variables.node != '' && (${isOwn}))`;
}
