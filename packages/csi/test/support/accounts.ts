import { inspect } from "node:util";
import type { ControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import type { KubeObject } from "@kx/core";
import type { CollectingLogger } from "@kx/core/testing";
import { type CsiDriver, defineCsiDriver } from "@kx/csi";

const rbac = "rbac.authorization.k8s.io";
const paths: Readonly<Record<string, string>> = {
  ClusterRole: `/apis/${rbac}/v1/clusterroles`,
  ClusterRoleBinding: `/apis/${rbac}/v1/clusterrolebindings`,
  ServiceAccount: "/api/v1/namespaces/NS/serviceaccounts",
  Role: `/apis/${rbac}/v1/namespaces/NS/roles`,
  RoleBinding: `/apis/${rbac}/v1/namespaces/NS/rolebindings`,
  ValidatingAdmissionPolicy: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
};

/** Creates the objects that are about accounts, and binds those roles to one; gives its user's name. */
export async function applyAccount(
  client: Client,
  name: string,
  namespace: string,
  rendered: readonly KubeObject[],
  roles: readonly KubeObject[],
): Promise<string> {
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const bindings = roles.map(
    ({ kind, metadata }): KubeObject => ({
      apiVersion: `${rbac}/v1`,
      kind: `${kind}Binding`,
      metadata: { ...metadata, name: `${metadata.name}:${name}` },
      roleRef: { apiGroup: rbac, kind, name: metadata.name },
      subjects,
    }),
  );
  const account: KubeObject = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
  for (const object of [account, ...rendered, ...bindings]) {
    const path = paths[object.kind]?.replace("NS", object.metadata.namespace ?? "");
    if (path !== undefined) await client.raw("POST", path, object);
  }
  return `system:serviceaccount:${namespace}:${name}`;
}

/**
 * The kubeconfig of an account that may do what is rendered for the controllers of a driver which serves all nodes, and what
 * more is given: nothing else.
 */
export async function controllerAccount(
  cluster: Pick<ControlPlane, "addUser">,
  client: Client,
  driver: CsiDriver,
  more: readonly KubeObject[] = [],
): Promise<string> {
  const { distributed: _, ...definition } = driver.definition;
  const rendered = [...defineCsiDriver(definition).manifests({ namespace: "default", image: "" }), ...more];
  const roles = rendered.filter(({ kind }) => kind === "ClusterRole" || kind === "Role");
  const name = `${driver.name.toLowerCase().replaceAll(".", "-")}-controller`;
  return await cluster.addUser(await applyAccount(client, name, "default", roles, roles));
}

/** What of a log tells that an account was not allowed something, by its roles or by a policy. */
export function denials(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => /cannot [a-z]+ (resource|path)|ValidatingAdmissionPolicy/.test(line));
}

/** Throws if the log tells of anything that an account was not allowed. */
export function refuseDenials(log: CollectingLogger): void {
  const told = denials(log.lines.map(({ message, fields }) => `${message} ${inspect(fields, { depth: 6 })}`));
  if (told.length > 0) throw new Error(`the account lacks rights:\n${told.slice(0, 5).join("\n")}`);
}
