import { expect, it } from "vitest";
import { createCapacity } from "./capacity.ts";

it("gives what is left, once, and takes back", () => {
  const capacity = createCapacity(100n, 40n);
  const taken = capacity.take(50n);
  expect(capacity.availableBytes).toBe(10n);
  expect(() => capacity.take(11n)).toThrow(/KX_CSI_EXHAUSTED.*11 bytes.*10 are left/);
  taken.giveBack();
  expect(capacity.availableBytes).toBe(60n);
  capacity.free(40n);
  expect(capacity.availableBytes).toBe(100n);
});

it("has nothing left where more is taken than there is, and no bound where there is none", () => {
  expect(createCapacity(100n, 400n).availableBytes).toBe(0n);
  const unbound = createCapacity(undefined, 0n);
  unbound.take(2n ** 62n);
  expect(unbound.availableBytes).toBeUndefined();
});
