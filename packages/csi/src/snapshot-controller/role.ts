import type { KubeObject } from "@kx/core";

const all = ["get", "list", "watch", "create", "update", "patch", "delete"];
const snapshots = "snapshot.storage.k8s.io";
const groups = "groupsnapshot.storage.k8s.io";

/** What the snapshot controller does to objects beside those that its controllers are for. */
export const snapshotControllerRole: KubeObject = Object.freeze({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name: "kx:snapshot-controller" },
  rules: [
    { apiGroups: [snapshots], resources: ["volumesnapshots", "volumesnapshotcontents"], verbs: all },
    {
      apiGroups: [snapshots],
      resources: ["volumesnapshots/status", "volumesnapshotcontents/status"],
      verbs: ["patch"],
    },
    { apiGroups: [groups], resources: ["volumegroupsnapshotcontents"], verbs: all },
    { apiGroups: [groups], resources: ["volumegroupsnapshots/finalizers"], verbs: ["update"] },
    { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: ["patch"] },
    // To install the CRDs, and to see whether others do this work.
    {
      apiGroups: ["apiextensions.k8s.io"],
      resources: ["customresourcedefinitions"],
      verbs: ["get", "create", "update"],
    },
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["list"] },
    { apiGroups: ["apps"], resources: ["deployments"], verbs: ["list"] },
  ],
});
