import { expect, it } from "vitest";
import { isKnownSource } from "./known-source.ts";

const populators = [{ group: "example.org", kind: "Backup" }];

it.each([
  ["none", undefined, true],
  ["a claim", { kind: "PersistentVolumeClaim" }, true],
  ["a snapshot", { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot" }, true],
  ["what a populator is for", { apiGroup: "example.org", kind: "Backup" }, true],
  ["its kind of another group", { apiGroup: "example.com", kind: "Backup" }, false],
  ["a snapshot of no group", { kind: "VolumeSnapshot" }, false],
])("knows who fills claims from %s", (_, source, known) => {
  expect(isKnownSource(source, populators)).toBe(known);
});
