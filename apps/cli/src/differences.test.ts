import type { ClusterStatus } from "@kx/cluster";
import { describe, expect, it } from "vitest";
import { differences } from "./up.ts";

const running: ClusterStatus = {
  dir: "/tmp/a",
  phase: "up",
  kind: "cluster",
  ownerPid: 1,
  startedAt: "2026-01-01T00:00:00Z",
  hostNetworkRoute: false,
  kubeconfig: "/tmp/a/kubeconfig",
  kubernetesVersion: "1.37.2",
  nodes: ["node-1", "node-2"],
};

describe("differences of a running cluster from what is asked for", () => {
  it("are none where nothing is asked for, or what there is", () => {
    expect(differences(running, {})).toEqual([]);
    expect(differences(running, { nodes: 2, kubernetesVersion: "v1.37.2", controlPlaneOnly: false })).toEqual([]);
    expect(differences({ ...running, kind: "control-plane", nodes: [] }, { controlPlaneOnly: true })).toEqual([]);
  });

  it("names each", () => {
    const asked = { nodes: 1, kubernetesVersion: "1.36.0", controlPlaneOnly: true, hostNetworkRoute: true };
    expect(differences(running, asked)).toEqual([
      "it has nodes",
      "it has 2 nodes, not 1",
      "it runs Kubernetes 1.37.2, not 1.36.0",
      "this machine has no route to it",
    ]);
  });
});
