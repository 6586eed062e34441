import type { KubeObject } from "@kx/core";
import type { SidecarPart } from "../controllers/sidecars.ts";

type Rule = readonly [group: string, resources: readonly string[], verbs: readonly string[]];

/** What a part calls the API server for beside what its controllers watch and reconcile. */
const rights: Readonly<Partial<Record<SidecarPart, readonly Rule[]>>> = {
  provisioner: [
    ["", ["persistentvolumes"], ["create", "delete"]],
    ["", ["secrets"], ["get"]],
    ["storage.k8s.io", ["volumeattributesclasses"], ["get"]],
    ["snapshot.storage.k8s.io", ["volumesnapshots", "volumesnapshotcontents"], ["get"]],
  ],
  capacity: [["storage.k8s.io", ["csistoragecapacities"], ["create", "patch", "delete"]]],
  attacher: [
    ["", ["persistentvolumes"], ["patch"]],
    ["", ["secrets"], ["get"]],
  ],
};

/** The ClusterRole for it; none where the parts need nothing more. */
export function partRights(driverName: string, parts: readonly SidecarPart[]): readonly KubeObject[] {
  const rules = parts.flatMap((part) => rights[part] ?? []);
  if (rules.length === 0) return [];
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: `kx:csi:${driverName}` },
      rules: rules.map(([group, resources, verbs]) => ({ apiGroups: [group], resources, verbs })),
    },
  ];
}
