import { describe, expect, it } from "vitest";
import { toFacts } from "./node-objects.ts";

describe("what the pod network reads of a Node", () => {
  it("is its pods' ranges, its addresses inside the cluster, and whether its network is said to be missing", () => {
    const addresses = [
      { type: "InternalIP", address: "192.0.2.1" },
      { type: "Hostname", address: "a" },
      { type: "InternalIP", address: "2001:db8::1" },
      { type: "ExternalIP", address: "203.0.113.1" },
    ];
    const conditions = [
      { type: "Ready", status: "True" as const },
      { type: "NetworkUnavailable", status: "True" as const, reason: "NoRoute" },
    ];
    const spec = { podCIDR: "10.244.1.0/24", podCIDRs: ["10.244.1.0/24", "fd00:1::/64"] };
    expect(toFacts({ metadata: { name: "a" }, spec, status: { addresses, conditions } })).toEqual({
      name: "a",
      podCidrs: ["10.244.1.0/24", "fd00:1::/64"],
      internalIps: ["192.0.2.1", "2001:db8::1"],
      networkUnavailable: { status: "True", reason: "NoRoute" },
    });
  });

  it("is nothing yet of a Node that was just made", () => {
    expect(toFacts({ metadata: { name: "b" } })).toEqual({ name: "b", podCidrs: [], internalIps: [] });
    expect(toFacts({ metadata: { name: "c" }, spec: { podCIDR: "10.244.3.0/24" } }).podCidrs).toEqual([
      "10.244.3.0/24",
    ]);
  });
});
