import type { JsonObject } from "@kx/core/contracts/cni";
import { describe, expect, it } from "vitest";
import { requestedValue } from "./requested.ts";

function request(runtimeConfig: JsonObject, cni: unknown, args: Record<string, string>) {
  return { args, config: { cniVersion: "1.0.0", name: "n", type: "t", runtimeConfig, args: { cni } } };
}

describe("requestedValue", () => {
  it.each([
    [request({ mac: "a" }, { mac: "b" }, { MAC: "c" }), { value: "a", from: "runtimeConfig" }],
    [request({}, { mac: "b" }, { MAC: "c" }), { value: "b", from: "args.cni" }],
    [request({ mac: "" }, { mac: null }, { MAC: "c" }), { value: "c", from: "CNI_ARGS" }],
    [request({}, {}, { MAC: "c" }), { value: "c", from: "CNI_ARGS" }],
    [request({}, null, { mac: "c" }), undefined],
    [request({}, "text", {}), undefined],
  ])("takes the place that counts most: %#", (given, expected) => {
    expect(requestedValue(given, "mac")).toEqual(expected);
  });

  it("knows keys that CNI_ARGS spells otherwise", () => {
    expect(requestedValue(request({}, {}, { IP: "10.0.0.1" }), "ips", "IP")).toEqual({
      value: "10.0.0.1",
      from: "CNI_ARGS",
    });
  });

  it("finds nothing that is only inherited", () => {
    expect(requestedValue(request({}, {}, {}), "toString", "constructor")).toBeUndefined();
  });
});
