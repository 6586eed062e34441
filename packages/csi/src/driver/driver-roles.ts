import type { KubeObject, RenderEnv } from "@kx/core";
import { capabilitiesIn } from "../controllers/driver-client.ts";
import { clusterRole, partRights, taintRights } from "../controllers/part-rights.ts";
import { partsNeeded } from "../controllers/sidecars.ts";
import { hasController, hasNode } from "./capabilities.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { leaseNameOf } from "./embed-options.ts";

const rbac = "rbac.authorization.k8s.io";

/** The roles of a driver's accounts, by where they run: beside the control plane, and on each node. */
export interface DriverRoles {
  readonly controller: readonly KubeObject[];
  readonly node: readonly KubeObject[];
}

/** What a driver's accounts may do: no more than what its parts do there. */
export function driverRoles(definition: CsiDriverDefinition, { namespace }: RenderEnv): DriverRoles {
  const { name, distributed } = definition;
  const isOfNode = distributed !== undefined;
  const parts = hasController(definition) ? partsNeeded(capabilitiesIn(definition)) : [];
  const ofParts = partRights(parts, isOfNode);
  const taints = hasNode(definition) ? taintRights : [];
  // Where each node has its own there is nobody to share with.
  const lease = isOfNode || parts.length === 0 ? [] : [leaseRole(name, namespace)];
  return {
    controller: [
      ...clusterRole(`kx:csi:${name}:controller`, "controller", isOfNode ? taints : [...ofParts, ...taints]),
      ...lease,
    ],
    node: isOfNode ? clusterRole(`kx:csi:${name}:node`, "node", ofParts) : [],
  };
}

function leaseRole(driverName: string, namespace: string): KubeObject {
  const leases = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
  return {
    apiVersion: `${rbac}/v1`,
    kind: "Role",
    metadata: { name: `kx:csi:${driverName}:controller`, namespace },
    rules: [
      // Who creates has no name yet that a rule could be for.
      { ...leases, verbs: ["create"] },
      { ...leases, resourceNames: [leaseNameOf(driverName)], verbs: ["get", "update"] },
    ],
  };
}

/** Binds roles to an account. */
export function roleBindings(
  roles: readonly KubeObject[],
  account: { readonly name: string; readonly namespace: string },
): readonly KubeObject[] {
  return roles.map(({ kind, metadata: { name = "", namespace } }) => ({
    apiVersion: `${rbac}/v1`,
    kind: `${kind}Binding`,
    metadata: { name: `${name}:${account.name}`, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: rbac, kind, name },
    subjects: [{ kind: "ServiceAccount", ...account }],
  }));
}
