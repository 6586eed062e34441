import { describe, expect, it } from "vitest";
import type { Cached, ObjectLike } from "../api/resource.ts";
import { and, annotationChanged, type Change, generationChanged, labelChanged, not, or } from "./predicates.ts";

const object = (metadata: object) => ({ metadata }) as Cached<ObjectLike>;
const updated = (from: object, to: object): Change => ({ kind: "updated", old: object(from), object: object(to) });
const added: Change = { kind: "added", object: object({}) };
const deleted: Change = { kind: "deleted", object: object({}) };

describe("predicates", () => {
  it.each([
    ["generation", generationChanged, { generation: 1 }, { generation: 2 }],
    ["labels", labelChanged, { labels: { a: "1" } }, { labels: { a: "2" } }],
    ["a lost label", labelChanged, { labels: { a: "1" } }, {}],
    ["a label for another", labelChanged, { labels: { a: "1" } }, { labels: { b: "1" } }],
    ["annotations", annotationChanged, {}, { annotations: { a: "2" } }],
  ])("see a change of %s, and only that", (_, predicate, from, to) => {
    expect(predicate(updated(from, to))).toBe(true);
    expect(predicate(updated(to, { ...to, resourceVersion: "2" }))).toBe(false);
    expect([predicate(added), predicate(deleted)]).toEqual([true, true]);
  });

  it("combine", () => {
    const label = updated({ labels: {} }, { labels: { a: "1" } });
    expect(or(labelChanged, generationChanged)(label)).toBe(true);
    expect(and(labelChanged, generationChanged)(label)).toBe(false);
    expect(not(labelChanged)(label)).toBe(false);
    expect(not(generationChanged)(label)).toBe(true);
  });
});
