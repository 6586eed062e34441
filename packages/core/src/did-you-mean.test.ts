import { expect, it } from "vitest";
import { didYouMean } from "./did-you-mean.ts";

it.each([
  ["heatlh-port", "health-port"],
  ["Config", "config"],
  ["isolaton", undefined],
  ["x", undefined],
])("takes %s for %s", (word, expected) => {
  expect(didYouMean(word, ["health-port", "config", "kubeconfig"])).toBe(expected);
});

it("prefers the nearest candidate", () => {
  expect(didYouMean("optons", ["option", "options"])).toBe("options");
});
