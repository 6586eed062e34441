import type { Node } from "@kx/controllers/api/core-v1";
import type { CSINode } from "@kx/controllers/api/storage-v1";
import { describe, expect, it } from "vitest";
import { planTaints, startupTaint } from "./startup-taint.ts";

const own = { key: "d.csi.kx.dev/agent-not-ready", effect: "NoExecute" };
const other = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };
const node = (...taints: (typeof own)[]): Node => ({ metadata: { name: "n" }, spec: { taints } });
const having = (...names: string[]): CSINode => ({
  metadata: { name: "n" },
  spec: { drivers: names.map((name) => ({ name, nodeID: "n" })) },
});

describe("the start-up taint", () => {
  it("is named by the driver", () => {
    expect(startupTaint("d.csi.kx.dev")).toBe(own.key);
  });

  it("goes when the node has the driver, and no other does", () => {
    expect(planTaints("d.csi.kx.dev", node(other, own), having("e", "d.csi.kx.dev"))).toEqual([other]);
    expect(planTaints("d.csi.kx.dev", node(own), having("d.csi.kx.dev"))).toEqual([]);
  });

  it("stays until then; nothing is changed where there is none", () => {
    expect(planTaints("d.csi.kx.dev", node(other, own), having("e"))).toBeUndefined();
    expect(planTaints("d.csi.kx.dev", node(other, own), undefined)).toBeUndefined();
    expect(planTaints("d.csi.kx.dev", node(other), having("d.csi.kx.dev"))).toBeUndefined();
    expect(planTaints("d.csi.kx.dev", undefined, having("d.csi.kx.dev"))).toBeUndefined();
    expect(planTaints("d.csi.kx.dev", { metadata: {} }, having("d.csi.kx.dev"))).toBeUndefined();
  });
});
