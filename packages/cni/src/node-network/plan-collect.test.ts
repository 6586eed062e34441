import { describe, expect, it } from "vitest";
import { type Look, planCollect } from "./plan-collect.ts";

const attachment = (containerId: string, hasNamespace: boolean) => {
  return { networkName: "kx", containerId, ifName: "eth0", config: "{}", hasNamespace };
};
const none: ReadonlySet<string> = new Set();
const look = (attachments: Look["attachments"], ready: readonly string[], notReady: readonly string[] = []): Look => {
  const sandboxes = new Map<string, { isReady: boolean }>();
  for (const id of ready) sandboxes.set(id, { isReady: true });
  for (const id of notReady) sandboxes.set(id, { isReady: false });
  return { attachments, sandboxes };
};

describe("what is out of use", () => {
  const attachments = [
    attachment("runs", true),
    attachment("stopped", false),
    attachment("made", true),
    attachment("gone", false),
  ];
  const now = look(attachments, ["runs"], ["stopped"]);

  it("is what the runtime does not know and whose namespace is gone, at two looks in a row", () => {
    const first = planCollect(now, none);
    expect(first).toMatchObject({ stale: [], isSighted: true });
    expect([...first.suspects]).toEqual(["kx gone eth0"]);
    expect(planCollect(now, first.suspects).stale).toEqual([attachment("gone", false)]);
  });

  it("is forgotten if a look in between found it in use", () => {
    const first = planCollect(now, none);
    const between = planCollect(look(attachments, ["runs", "gone"], ["stopped"]), first.suspects);
    expect(between.suspects.size).toBe(0);
    expect(planCollect(now, between.suspects).stale).toEqual([]);
  });

  it("cannot be told by who sees no namespaces", () => {
    const blind = look([attachment("a", false), attachment("b", false)], ["a", "b"]);
    expect(planCollect(blind, none).isSighted).toBe(false);
    // One that just ends is no reason to doubt.
    expect(planCollect(look([attachment("a", false), attachment("b", true)], ["a", "b"]), none).isSighted).toBe(true);
    expect(planCollect(look([attachment("c", false)], []), none).isSighted).toBe(true);
  });
});
