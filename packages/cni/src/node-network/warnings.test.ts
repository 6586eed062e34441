import { collectingLogger } from "@kx/core/testing";
import { expect, it } from "vitest";
import type { NodeEvent } from "./node-objects.ts";
import { warningsOf } from "./set-up.ts";
import { createWarnings } from "./warnings.ts";

const fine = { unreachable: [], shadow: undefined, missing: undefined };

it("tells each warning once, and again after it was over", () => {
  const events: NodeEvent[] = [];
  const log = collectingLogger();
  const warnings = createWarnings(log, (event) => events.push(event));
  const one = warningsOf(fine, 1);
  warnings.update(one);
  warnings.update(warningsOf(fine, 3));
  expect(events).toEqual([{ type: "Warning", ...one[0] }]);
  warnings.update([]);
  warnings.update(one);
  expect(events).toHaveLength(2);
  expect(log.messages("warn")).toHaveLength(2);
  expect(log.messages("info")).toEqual(["no longer so"]);
});

it("names what is wrong and what to do", () => {
  const unreachable = [{ node: "b", destination: "10.244.2.0/24", reason: "it is far", remedy: "move it" }];
  const all = warningsOf({ unreachable, shadow: "/etc/cni/net.d/00-a.conf", missing: "/opt/cni/bin" }, 2);
  const reasons = ["PodsUnreachable", "NetworkShadowed", "PluginsMissing", "NetworkPolicyNotEnforced"];
  expect(all.map(({ reason }) => reason)).toEqual(reasons);
  expect(all[0]?.message).toBe("no route to the pods of b (10.244.2.0/24): it is far; move it");
  expect(all[1]?.message).toContain("/etc/cni/net.d/00-a.conf");
  expect(all[2]?.message).toContain("no plug-ins in /opt/cni/bin");
  expect(warningsOf(fine, 0)).toEqual([]);
});
