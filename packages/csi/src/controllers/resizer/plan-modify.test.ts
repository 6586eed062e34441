import { describe, expect, it } from "vitest";
import { type ModifyMemory, planModify } from "./plan-modify.ts";

const nowMs = 1_000_000;
const nothingKnown: ModifyMemory = { isFinal: false, restsUntilMs: 0 };
const final: ModifyMemory = { isFinal: true, restsUntilMs: 0 };

function plan(
  wanted: string,
  current: string,
  state?: readonly [status: string, target: string],
  memory = nothingKnown,
) {
  const [status = "", target = ""] = state ?? [];
  return planModify(
    {
      spec: wanted === "" ? {} : { volumeAttributesClassName: wanted },
      status: {
        phase: "Bound",
        ...(current === "" ? {} : { currentVolumeAttributesClassName: current }),
        ...(state === undefined ? {} : { modifyVolumeStatus: { status, targetVolumeAttributesClassName: target } }),
        conditions: state === undefined ? [] : [{ type: "ModifyingVolume", status: "True" }],
      },
    },
    memory,
    nowMs,
  );
}
const modify = (className: string, isNew: boolean) => ({ do: "modify", className, isNew });

describe("planModify", () => {
  it.each([
    ["no class", plan("", ""), { do: "nothing" }],
    ["the class that it has", plan("gold", "gold"), { do: "nothing" }],
    ["another class", plan("gold", "silver"), modify("gold", true)],
    ["a class that was missing", plan("gold", "", ["Pending", "gold"]), modify("gold", true)],
    ["a call that may be at work, after a restart", plan("gold", "", ["InProgress", "gold"]), modify("gold", false)],
    ["that call, though another is wanted", plan("iron", "", ["InProgress", "gold"]), modify("gold", false)],
    ["another class, when that call has failed", plan("iron", "", ["InProgress", "gold"], final), modify("iron", true)],
    ["that call, though none is wanted any more", plan("", "", ["InProgress", "gold"], final), modify("gold", false)],
    ["none any more, when it was impossible", plan("", "", ["Infeasible", "gold"], final), { do: "cancel" }],
    ["another class, when it was impossible", plan("iron", "", ["Infeasible", "gold"]), modify("iron", true)],
  ])("%s", (_, seen, expected) => {
    expect(seen).toEqual(expected);
  });

  it("rests before it asks for the impossible again", () => {
    const memory = { isFinal: true, restsUntilMs: nowMs + 5000 };
    expect(plan("gold", "", ["Infeasible", "gold"], memory)).toEqual({ do: "rest", forMs: 5000 });
    expect(plan("iron", "", ["Infeasible", "gold"], memory)).toEqual(modify("iron", true));
  });
});
