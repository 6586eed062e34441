import type { ClusterStatus } from "@kx/cluster";
import { describe, expect, it } from "vitest";
import { differences } from "./differences.ts";
import type { UpRequest } from "./supervision.ts";

const status: ClusterStatus = {
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
const extensions = { file: "/srv/host.yaml", extensionsDir: "/srv/extensions", sha256: "aa" };
const running: UpRequest = {
  dir: "/tmp/a",
  nodes: 2,
  controlPlaneOnly: false,
  hostNetworkRoute: false,
  dns: false,
  network: "kx",
  ipFamilies: ["ipv4"],
  extensions,
};

describe("differences of a running cluster from what is asked for", () => {
  it("are none where nothing is asked for, or what there is", () => {
    expect(differences(status, running, {}, undefined)).toEqual([]);
    const same = {
      nodes: 2,
      kubernetesVersion: "v1.37.2",
      controlPlaneOnly: false,
      dns: false,
      network: "kx" as const,
      ipFamilies: ["ipv4"] as const,
    };
    expect(differences(status, running, same, extensions)).toEqual([]);
    expect(differences(status, { ...running, dns: true }, { dns: true }, undefined)).toEqual([]);
    const alone: ClusterStatus = { ...status, kind: "control-plane", nodes: [] };
    expect(differences(alone, running, { controlPlaneOnly: true }, undefined)).toEqual([]);
  });

  it("are none where only the content of the configuration file differs", () => {
    expect(differences(status, running, {}, { ...extensions, sha256: "bb" })).toEqual([]);
  });

  it("names each", () => {
    const has = { controlPlaneOnly: true, hostNetworkRoute: true, dns: true, network: "none" } as const;
    const ipFamilies = ["ipv4", "ipv6"] as const;
    const asked = { nodes: 1, kubernetesVersion: "1.36.0", ipFamilies, ...has };
    expect(differences(status, running, asked, { ...extensions, extensionsDir: "/extensions" })).toEqual([
      "it has nodes",
      "it has 2 nodes, not 1",
      "it runs Kubernetes 1.37.2, not 1.36.0",
      "this machine has no route to it",
      "it runs no CoreDNS",
      "its pod network is kx, not none",
      "its addresses are ipv4, not ipv4,ipv6",
      "its extensions are looked for in /srv/extensions, not in /extensions",
    ]);
  });

  it("names another configuration, or that there is none, also where nothing tells what was asked for", () => {
    expect(differences(status, running, {}, { ...extensions, file: "/b.yaml" })).toEqual([
      "its controller manager's configuration is /srv/host.yaml, not /b.yaml",
    ]);
    const without = "its controller manager has no configuration, not /srv/host.yaml";
    const { extensions: _, ...plain } = running;
    expect(differences(status, plain, {}, extensions)).toEqual([without]);
    expect(differences(status, undefined, { dns: true }, extensions)).toEqual(["it runs no CoreDNS", without]);
  });
});
