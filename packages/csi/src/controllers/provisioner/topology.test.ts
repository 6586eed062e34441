import type { Cached } from "@kx/controllers";
import type { CSINode } from "@kx/controllers/api/storage-v1";
import { describe, expect, it } from "vitest";
import { clusterPlaces, isReachable, nodeAffinity, nodePlaces, planTopology, type TopologyFacts } from "./topology.ts";

const zoneKey = "topology.x/zone";
const rackKey = "topology.x/rack";
const driverName = "disk.csi.kx.dev";

function csiNode(name: string, topologyKeys?: string[]): Cached<CSINode> {
  const metadata = { name, uid: name, resourceVersion: "1", creationTimestamp: `2026-01-01T00:00:0${name.at(-1)}Z` };
  const drivers = topologyKeys === undefined ? [] : [{ name: driverName, nodeID: name, topologyKeys }];
  return { metadata, spec: { drivers } };
}

const node = (name: string, labels: Record<string, string>) => ({ metadata: { name, labels } });
const zone = (value: string) => ({ segments: { [zoneKey]: value } });

const places = clusterPlaces(
  driverName,
  [
    csiNode("n1", [zoneKey]),
    csiNode("n2", [zoneKey]),
    csiNode("n3", [zoneKey]),
    csiNode("n4"),
    csiNode("n5", [zoneKey]),
  ],
  [
    node("n1", { [zoneKey]: "a", app: "x" }),
    node("n2", { [zoneKey]: "b" }),
    node("n3", { [zoneKey]: "c" }),
    node("n4", {}),
    node("n5", {}),
  ],
);
const facts: TopologyFacts = { claimName: "data", allowed: [], node: undefined, isStrict: false, tellsAllPlaces: true };
const allowed = [{ matchLabelExpressions: [{ key: zoneKey, values: ["c", "b"] }] }];

describe("planTopology", () => {
  it("without a chosen node tells all places, and none where they are not wanted", () => {
    expect(planTopology(facts, places)?.requisite).toEqual([zone("a"), zone("b"), zone("c")]);
    expect(planTopology({ ...facts, tellsAllPlaces: false }, places)).toBeUndefined();
  });

  it("without a chosen node tells the allowed places alone", () => {
    expect(planTopology({ ...facts, allowed, tellsAllPlaces: false }, places)?.requisite).toEqual([
      zone("b"),
      zone("c"),
    ]);
  });

  it("with a chosen node prefers its place, and tells the others", () => {
    expect(planTopology({ ...facts, node: "n2" }, places)).toEqual({
      requisite: [zone("a"), zone("b"), zone("c")],
      preferred: [zone("b"), zone("c"), zone("a")],
    });
    expect(planTopology({ ...facts, node: "n3", allowed }, places)).toEqual({
      requisite: [zone("b"), zone("c")],
      preferred: [zone("c"), zone("b")],
    });
  });

  it("strictly with a chosen node tells its place alone", () => {
    const strict = { ...facts, node: "n2", isStrict: true };
    const own = { requisite: [zone("b")], preferred: [zone("b")] };
    expect(planTopology(strict, places)).toEqual(own);
    expect(planTopology({ ...strict, allowed }, places)).toEqual(own);
  });

  it("refuses a chosen node whose place is not allowed", () => {
    for (const isStrict of [true, false]) {
      expect(() => planTopology({ ...facts, node: "n1", allowed, isStrict }, places)).toThrow("KX_CSI_TOPOLOGY");
    }
  });

  it("wants another node where the driver is not, and waits for labels that are not there yet", () => {
    for (const gone of ["n4", "n9"]) {
      expect(() => planTopology({ ...facts, node: gone }, places)).toThrow("KX_CSI_NODE");
    }
    expect(() => planTopology({ ...facts, node: "n5" }, places)).toThrow(`lacks the labels ${zoneKey}`);
    expect(() => planTopology(facts, clusterPlaces(driverName, [csiNode("n4")], []))).toThrow("runs on no node");
  });

  it("multiplies the values of several labels", () => {
    const both = [
      {
        matchLabelExpressions: [
          { key: zoneKey, values: ["a", "b"] },
          { key: rackKey, values: ["1", "2"] },
        ],
      },
    ];
    const requisite = planTopology({ ...facts, allowed: both }, places)?.requisite ?? [];
    expect(requisite.map(({ segments }) => `${segments[zoneKey]}${segments[rackKey]}`).toSorted()).toEqual([
      "a1",
      "a2",
      "b1",
      "b2",
    ]);
  });

  it("spreads the claims of a StatefulSet over the places, those of one pod to the same", () => {
    const first = (claimName: string) => planTopology({ ...facts, claimName }, places)?.preferred[0]?.segments[zoneKey];
    const ofPods = [0, 1, 2, 3].map((pod) => first(`data-web-${pod}`));
    expect(new Set(ofPods.slice(0, 3)).size).toBe(3);
    expect(ofPods[3]).toBe(ofPods[0]);
    expect(first("log-web-1")).toBe(ofPods[1]);
  });

  it("of a node's own provisioner knows that node alone", () => {
    const own = nodePlaces("n1", { [zoneKey]: "a" });
    expect(planTopology({ ...facts, node: "n1" }, own)?.requisite).toEqual([zone("a")]);
    expect(() => planTopology({ ...facts, node: "n2" }, own)).toThrow("KX_CSI_NODE");
  });
});

it("says by nodeAffinity where a volume is reachable", () => {
  const affinity = nodeAffinity([zone("a"), zone("b")]);
  expect(affinity?.required?.nodeSelectorTerms).toHaveLength(2);
  expect(isReachable(affinity, { [zoneKey]: "b", other: "x" })).toBe(true);
  expect(isReachable(affinity, { [zoneKey]: "c" })).toBe(false);
  expect(isReachable(undefined, {})).toBe(true);
  expect(nodeAffinity([])).toBeUndefined();
});
