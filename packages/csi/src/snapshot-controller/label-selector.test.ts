import { expect, it } from "vitest";
import { held } from "../../test/support/snapshot-objects.ts";
import { selects } from "./label-selector.ts";
import { nodeOf } from "./node-of-volume.ts";
import { VolumeSnapshotContent } from "./resources.ts";

const labels = { app: "db", tier: "2" };

it.each([
  ["nothing asked", {}, true],
  ["equal labels", { matchLabels: { app: "db" } }, true],
  ["another value", { matchLabels: { app: "web" } }, false],
  ["In", { matchExpressions: [{ key: "app", operator: "In", values: ["web", "db"] }] }, true],
  ["In, without the label", { matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] }, false],
  ["NotIn, without the label", { matchExpressions: [{ key: "zone", operator: "NotIn", values: ["a"] }] }, true],
  ["Exists", { matchExpressions: [{ key: "app", operator: "Exists" }] }, true],
  ["DoesNotExist", { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] }, false],
  ["both", { matchLabels: { app: "db" }, matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] }, false],
  ["an operator that is not known", { matchExpressions: [{ key: "app", operator: "Like" }] }, false],
])("selects by %s", (_, selector, expected) => {
  expect(selects(selector, labels)).toBe(expected);
});

it("finds the node of a volume by any of its terms", () => {
  const node = (name: string, zone: string) =>
    held(VolumeSnapshotContent, name, { metadata: { labels: { zone } } } as never);
  const nodes = [node("a", "z1"), node("b", "z2")].map(({ object }) => object);
  const volume = (...nodeSelectorTerms: object[]) =>
    ({ spec: { nodeAffinity: { required: { nodeSelectorTerms } } } }) as unknown as Parameters<typeof nodeOf>[0];
  const inZone = (value: string) => ({ matchExpressions: [{ key: "zone", operator: "In", values: [value] }] });
  expect(nodeOf(volume(inZone("z9"), inZone("z2")), nodes)).toBe("b");
  expect(nodeOf(volume({ matchFields: [{ key: "metadata.name", operator: "In", values: ["a"] }] }), nodes)).toBe("a");
  expect(nodeOf(volume({}), nodes)).toBeUndefined();
  expect(nodeOf({ metadata: {}, spec: {} }, nodes)).toBeUndefined();
});
