import type { Cached } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { describe, expect, it } from "vitest";
import { planResize, type ResizeMemory } from "./plan-resize.ts";

const Mi = 1024n ** 2n;
const nowMs = 1_000_000;
const nothingKnown: ResizeMemory = { isFinal: false, restsUntilMs: 0 };

interface Sizes {
  readonly wanted: string;
  readonly has?: string;
  readonly volume?: string;
  readonly allocated?: string;
  readonly status?: string;
  readonly conditions?: object[];
}

function plan(
  { wanted, has = "8Mi", volume = "8Mi", allocated, status, conditions = [] }: Sizes,
  memory = nothingKnown,
) {
  const claim = {
    metadata: {},
    spec: { resources: { requests: { storage: wanted } } },
    status: {
      phase: "Bound",
      capacity: { storage: has },
      conditions,
      ...(allocated === undefined ? {} : { allocatedResources: { storage: allocated } }),
      ...(status === undefined ? {} : { allocatedResourceStatuses: { storage: status } }),
    },
  } as unknown as Cached<PersistentVolumeClaim>;
  const present = { metadata: {}, spec: { capacity: { storage: volume } } } as unknown as Cached<PersistentVolume>;
  return planResize(claim, present, memory, nowMs);
}

const expand = (size: bigint, isNew: boolean) => ({ do: "expand", bytes: size * Mi, isNew });
const final: ResizeMemory = { isFinal: true, restsUntilMs: 0 };

describe("planResize", () => {
  it("does nothing for what is large enough", () => {
    expect(plan({ wanted: "8Mi" })).toEqual({ do: "nothing" });
    expect(plan({ wanted: "4Mi" })).toEqual({ do: "nothing" });
  });

  it("grows to what is asked for", () => {
    expect(plan({ wanted: "16Mi" })).toEqual(expand(16n, true));
  });

  it.each([
    ["a call that may be at work keeps its size", { status: "ControllerResizeInProgress" }, nothingKnown, 64n, false],
    ["one that failed gives way to the new size", { status: "ControllerResizeInProgress" }, final, 16n, true],
    ["so does a size that was impossible", { status: "ControllerResizeInfeasible" }, nothingKnown, 16n, true],
    ["one that fails on the node keeps its size", { status: "NodeResizeInfeasible" }, nothingKnown, 64n, false],
    ["one that waits for the node too", { status: "NodeResizePending" }, nothingKnown, 64n, false],
  ] as const)("recovers: %s", (_, more, memory, size, isNew) => {
    expect(plan({ wanted: "16Mi", allocated: "64Mi", ...more }, memory)).toEqual(expand(size, isNew));
  });

  it("leaves a node that has its volume at work alone", () => {
    const atNode = { wanted: "16Mi", volume: "16Mi", allocated: "16Mi" };
    expect(plan({ ...atNode, status: "NodeResizePending" })).toEqual({ do: "nothing" });
    expect(plan({ ...atNode, status: "NodeResizeInProgress" })).toEqual({ do: "nothing" });
    const larger = { ...atNode, wanted: "32Mi" };
    expect(plan({ ...larger, status: "NodeResizeInProgress" })).toEqual({ do: "nothing" });
    expect(plan({ ...atNode, status: "NodeResizeInfeasible" })).toEqual(expand(16n, false));
  });

  it("finishes what was not written down", () => {
    const grown = { wanted: "16Mi", volume: "16Mi" };
    expect(plan({ ...grown, allocated: "16Mi", status: "ControllerResizeInProgress" })).toEqual(expand(16n, false));
    expect(plan(grown)).toEqual(expand(16n, true));
    const pending = [{ type: "FileSystemResizePending", status: "True" }];
    expect(plan({ ...grown, conditions: pending })).toEqual({ do: "nothing" });
  });

  it("rests before it asks for the impossible again, unless another size is asked for", () => {
    const tried = { wanted: "64Mi", allocated: "64Mi", status: "ControllerResizeInfeasible" };
    const memory = { isFinal: true, restsUntilMs: nowMs + 5000 };
    expect(plan(tried, memory)).toEqual({ do: "rest", forMs: 5000 });
    expect(plan({ ...tried, wanted: "32Mi" }, memory)).toEqual(expand(32n, true));
    expect(plan(tried)).toEqual(expand(64n, false));
  });
});
