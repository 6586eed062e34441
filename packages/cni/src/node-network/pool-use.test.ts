import { expect, it } from "vitest";
import { planPoolUse, poolWarnings } from "./pool-use.ts";

it("counts what pods may get, and tells where nothing is left", () => {
  const leases = ["10.244.1.2", "10.244.1.6", "10.244.2.9", "last_reserved_ip.0", "lock", "fd00::7", "10.244.1.1"];
  const pools = planPoolUse(["10.244.1.0/29", "fd00::/64"], leases);
  // Of eight, the network's own, the gateway's and the broadcast address are nobody's.
  expect(pools).toEqual([
    { range: "10.244.1.0/29", size: 5n, free: 3n },
    { range: "fd00::/64", size: 2n ** 64n - 2n, free: 2n ** 64n - 3n },
  ]);
  expect(poolWarnings(pools)).toEqual([]);
  const full = planPoolUse(["10.244.1.0/30"], ["10.244.1.2"]);
  expect(poolWarnings(full)).toMatchObject([
    { reason: "AddressesExhausted", message: expect.stringContaining("all 1 addresses of 10.244.1.0/30") },
  ]);
});

it("counts an address once that two networks have given", () => {
  expect(planPoolUse(["10.244.1.0/29"], ["10.244.1.2", "10.244.1.2"])).toMatchObject([{ free: 4n }]);
});
