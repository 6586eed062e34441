import type { KubeObject } from "@kx/core";
import { describe, expect, it } from "vitest";
import { managerObjects } from "./extensions.ts";

describe("managerObjects", () => {
  const role: KubeObject = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "kx:controller:a" },
  };
  const crd: KubeObject = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "b" },
  };

  it("binds a Role in its own namespace", () => {
    const own = { ...role, kind: "Role", metadata: { name: "r", namespace: "n" } };
    expect(managerObjects([own]).at(-1)).toMatchObject({
      kind: "RoleBinding",
      metadata: { name: "r", namespace: "n" },
      roleRef: { kind: "Role", name: "r" },
    });
  });

  it("makes the namespace first, and binds each ClusterRole to the manager's account after it", () => {
    const names = managerObjects([crd, role]).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names).toEqual([
      "Namespace kx-system",
      "ServiceAccount kx-controller-manager",
      "CustomResourceDefinition b",
      "ClusterRole kx:controller:a",
      "ClusterRoleBinding kx:controller:a",
    ]);
    expect(managerObjects([role]).at(-1)).toMatchObject({
      roleRef: { kind: "ClusterRole", name: "kx:controller:a" },
      subjects: [{ kind: "ServiceAccount", namespace: "kx-system", name: "kx-controller-manager" }],
    });
  });
});
