import type { KubeObject } from "@kx/core";
import { describe, expect, it } from "vitest";
import { memoryState } from "../../test/support/memory-state.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { driverRoles } from "./driver-roles.ts";

const env = { namespace: "storage", image: "" };
const nothing = async () => undefined;
const disk: CsiDriverDefinition = {
  name: "disk.example",
  state: memoryState(),
  createVolume: async () => ({ volume: { volumeId: "v" } }),
  deleteVolume: nothing,
};
const onNodes: CsiDriverDefinition = {
  ...disk,
  nodeGetInfo: async () => ({ nodeId: "n" }),
  nodePublishVolume: nothing,
  nodeUnpublishVolume: nothing,
};

const names = (roles: readonly KubeObject[]) => roles.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
/** What a role allows, as `verb group/resource`. */
function allowed([role]: readonly KubeObject[]): readonly string[] {
  const rules = role?.["rules"] as { apiGroups: string[]; resources: string[]; verbs: string[] }[];
  return rules.flatMap(({ apiGroups: [group], resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
  );
}

describe("the roles of a driver's accounts", () => {
  it("are beside the control plane those of its parts, with a Lease; its nodes need none", () => {
    const { controller, node } = driverRoles(onNodes, env);
    expect(names(controller)).toEqual([
      "ClusterRole kx:csi:disk.example:controller",
      "Role kx:csi:disk.example:controller",
    ]);
    expect(controller[1]?.metadata.namespace).toBe("storage");
    expect(JSON.stringify(controller[1])).toContain('"resourceNames":["csi-disk.example"]');
    expect(node).toEqual([]);
    const rights = allowed(controller);
    expect(rights).toEqual(expect.arrayContaining(["create /persistentvolumes", "patch /nodes", "get /secrets"]));
    expect(new Set(rights).size).toBe(rights.length);
    // What no part of this driver does.
    const others =
      /volumeattachments\/status|capacities|claims\/status|snapshotcontents\/status|delete \/nodes|list \/secrets/;
    expect(rights.filter((right) => others.test(right))).toEqual([]);
  });

  it("are on the nodes those of its parts where each node has its own; to take taints is left beside the control plane", () => {
    const { controller, node } = driverRoles({ ...onNodes, distributed: { segments: {} } }, env);
    expect(names(controller)).toEqual(["ClusterRole kx:csi:disk.example:controller"]);
    expect(allowed(controller).filter((right) => !/events/.test(right))).toEqual([
      "get /nodes",
      "list /nodes",
      "watch /nodes",
      "patch /nodes",
      "get storage.k8s.io/csinodes",
      "list storage.k8s.io/csinodes",
      "watch storage.k8s.io/csinodes",
    ]);
    expect(names(node)).toEqual(["ClusterRole kx:csi:disk.example:node"]);
    expect(allowed(node)).toContain("create /persistentvolumes");
    expect(allowed(node).filter((right) => / \/nodes|csinodes/.test(right))).toEqual([]);
  });

  it("are none for a driver without controllers and nodes", () => {
    expect(driverRoles({ name: "idle.example" }, env)).toEqual({ controller: [], node: [] });
  });
});
