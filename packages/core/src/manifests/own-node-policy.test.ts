import { expect, it } from "vitest";
import { ownNodePolicy } from "./own-node-policy.ts";

it("judges each resource by its own rule, for one account, and refuses whoever has no node", () => {
  const [policy, binding] = ownNodePolicy({
    name: "p",
    namespace: "ns",
    account: "a",
    actor: "agent",
    rules: [
      { apiGroup: "", resources: ["nodes", "nodes/status"], operations: ["UPDATE"], isOwn: "A" },
      { apiGroup: "g.example", resources: ["things"], operations: ["CREATE", "DELETE"], isOwn: "B" },
    ],
  });
  expect(policy).toMatchObject({
    kind: "ValidatingAdmissionPolicy",
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          { apiGroups: [""], operations: ["UPDATE"], resources: ["nodes", "nodes/status"] },
          { apiGroups: ["g.example"], operations: ["CREATE", "DELETE"], resources: ["things"] },
        ],
      },
      matchConditions: [{ expression: "request.userInfo.username == 'system:serviceaccount:ns:a'" }],
      validations: [
        {
          expression:
            "!(request.resource.group == '' && (request.resource.resource == 'nodes')) || (variables.node != '' && (A))",
        },
        {
          expression:
            "!(request.resource.group == 'g.example' && (request.resource.resource == 'things')) || (variables.node != '' && (B))",
        },
      ],
    },
  });
  expect(binding).toMatchObject({ metadata: { name: "p" }, spec: { policyName: "p", validationActions: ["Deny"] } });
});
