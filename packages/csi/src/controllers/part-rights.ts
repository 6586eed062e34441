import type { KubeObject } from "@kx/core";
import type { SidecarPart } from "./sidecars.ts";

/** What an account may do with resources of one API group. */
export interface Right {
  readonly group: string;
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** What one part does in the cluster. */
interface PartRights {
  readonly rights: readonly Right[];
  /** What it does beside that where it looks after all nodes: it asks the cluster then where they are. */
  readonly ofAllNodes?: readonly Right[];
}

const watched = ["get", "list", "watch"];
const storage = "storage.k8s.io";
const snapshots = "snapshot.storage.k8s.io";
const groups = "groupsnapshot.storage.k8s.io";

const right = (group: string, resources: readonly string[], verbs: readonly string[]): Right => ({
  group,
  resources,
  verbs,
});
const places = [right("", ["nodes"], watched), right(storage, ["csinodes"], watched)];
const secrets = right("", ["secrets"], ["get"]);
const events = right("events.k8s.io", ["events"], ["create", "patch"]);
const coreEvents = right("", ["events"], ["create", "patch"]);

/** Without the part that renders by itself what it needs, as that depends on its options. */
const rightsOf: Readonly<Record<Exclude<SidecarPart, "snapshot-metadata">, PartRights>> = {
  provisioner: {
    rights: [
      right("", ["persistentvolumeclaims"], [...watched, "patch"]),
      right("", ["persistentvolumes"], [...watched, "create", "patch", "delete"]),
      right(storage, ["storageclasses", "volumeattachments"], watched),
      right(storage, ["volumeattributesclasses"], ["get"]),
      right(snapshots, ["volumesnapshots"], [...watched, "patch"]),
      right(snapshots, ["volumesnapshotcontents"], ["get"]),
      secrets,
      events,
    ],
    ofAllNodes: places,
  },
  capacity: {
    rights: [
      right("", ["persistentvolumes"], watched),
      right(storage, ["storageclasses"], watched),
      right(storage, ["csistoragecapacities"], [...watched, "create", "patch", "delete"]),
      events,
    ],
    ofAllNodes: places,
  },
  attacher: {
    rights: [
      right("", ["persistentvolumes"], [...watched, "patch"]),
      right(storage, ["csinodes"], watched),
      right(storage, ["volumeattachments"], [...watched, "patch"]),
      right(storage, ["volumeattachments/status"], ["patch"]),
      secrets,
      events,
    ],
  },
  resizer: {
    rights: [
      right("", ["persistentvolumeclaims"], watched),
      right("", ["persistentvolumeclaims/status"], ["patch"]),
      right("", ["persistentvolumes"], [...watched, "patch"]),
      right(storage, ["volumeattributesclasses"], watched),
      secrets,
      coreEvents,
    ],
  },
  snapshotter: {
    rights: [
      right(snapshots, ["volumesnapshotclasses"], watched),
      right(snapshots, ["volumesnapshotcontents"], [...watched, "patch"]),
      right(snapshots, ["volumesnapshotcontents/status"], ["patch"]),
      secrets,
      coreEvents,
    ],
    ofAllNodes: [
      right(groups, ["volumegroupsnapshotclasses"], watched),
      right(groups, ["volumegroupsnapshotcontents"], [...watched, "patch"]),
      right(groups, ["volumegroupsnapshotcontents/status"], ["patch"]),
    ],
  },
  "health-monitor": {
    rights: [right("", ["persistentvolumes", "persistentvolumeclaims"], watched), coreEvents],
  },
};

/** What takes the start-up taint off nodes needs. */
export const taintRights: readonly Right[] = [
  right(storage, ["csinodes"], watched),
  right("", ["nodes"], [...watched, "patch"]),
  events,
];

/** What parts need in the cluster; `isOfNode`: each looks after the volumes of one node. */
export function partRights(parts: readonly SidecarPart[], isOfNode: boolean): readonly Right[] {
  return parts.flatMap((part) => {
    if (part === "snapshot-metadata") return [];
    const { rights, ofAllNodes = [] } = rightsOf[part];
    return isOfNode ? rights : [...rights, ...ofAllNodes];
  });
}

/** A ClusterRole of rights, for those that run beside the control plane or on nodes; none for no rights. */
export function clusterRole(
  name: string,
  account: "controller" | "node",
  rights: readonly Right[],
): readonly KubeObject[] {
  if (rights.length === 0) return [];
  const metadata = { name, labels: { "kx.dev/account": account } };
  return [{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata, rules: rulesOf(rights) }];
}

/** The same rights, as few rules of a role: each resource once, and together those of which the same may be done. */
function rulesOf(rights: readonly Right[]): readonly object[] {
  const verbsOf = new Map<string, Set<string>>();
  for (const { group, resources, verbs } of rights) {
    for (const resource of resources) {
      const key = JSON.stringify([group, resource]);
      verbsOf.set(key, new Set([...(verbsOf.get(key) ?? []), ...verbs]));
    }
  }
  const together = new Map<string, { apiGroups: string[]; resources: string[]; verbs: string[] }>();
  for (const [key, allowed] of [...verbsOf].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const [group, resource] = JSON.parse(key) as [string, string];
    const verbs = order.filter((verb) => allowed.has(verb));
    const same = JSON.stringify([group, verbs]);
    const rule = together.get(same) ?? { apiGroups: [group], resources: [], verbs };
    rule.resources.push(resource);
    together.set(same, rule);
  }
  return [...together.values()];
}

const order = ["get", "list", "watch", "create", "update", "patch", "delete"];
