import { expect, it } from "vitest";
import { withModify, withoutModify, withoutResize, withResize } from "./conditions.ts";

const condition = (type: string, more: object = {}) => ({ type, status: "True", lastTransitionTime: "then", ...more });
const foreign = condition("Foreign");
const types = (conditions: readonly { readonly type: string }[]) => conditions.map(({ type }) => type);

it("renews conditions of a growth, and keeps those of others", () => {
  const old = [foreign, condition("ControllerResizeError"), condition("Resizing")];
  expect(types(withResize(old, [{ type: "Resizing" }], "now", false))).toEqual(["Foreign", "Resizing"]);
  const kept = withResize(old, [{ type: "Resizing" }], "now", true);
  expect(types(kept)).toEqual(["Foreign", "ControllerResizeError", "Resizing"]);
  expect(kept.at(-1)).toMatchObject({ lastProbeTime: "now", lastTransitionTime: "then" });
  expect(types(withoutResize(old))).toEqual(["Foreign"]);
});

it("tells when a reason has changed", () => {
  const old = [foreign, condition("ModifyVolumeError", { reason: "INTERNAL" })];
  const [, same] = withModify(old, [{ type: "ModifyVolumeError", reason: "INTERNAL" }], "now");
  expect(same).toMatchObject({ lastTransitionTime: "then" });
  const [, other] = withModify(old, [{ type: "ModifyVolumeError", reason: "ABORTED" }], "now");
  expect(other).toMatchObject({ lastTransitionTime: "now", reason: "ABORTED" });
  expect(types(withoutModify(old))).toEqual(["Foreign"]);
});
