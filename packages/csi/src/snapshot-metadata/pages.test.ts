import { expect, it } from "vitest";
import { pagesOf } from "./pages.ts";

const range = (byteOffset: number, sizeBytes = 10) => ({
  byteOffset: BigInt(byteOffset),
  sizeBytes: BigInt(sizeBytes),
});
const message = { blockMetadataType: 2, volumeCapacityBytes: 100n, blockMetadata: [range(0), range(20), range(40)] };
const offsets = (startingOffset: number, maxResults: number) =>
  [...pagesOf(message, { startingOffset: BigInt(startingOffset), maxResults })].map(({ blockMetadata }) =>
    blockMetadata.map(({ byteOffset }) => Number(byteOffset)),
  );

it("passes a message on as it is where nothing speaks against it", () => {
  expect([...pagesOf(message, { startingOffset: 0n, maxResults: 0 })]).toEqual([message]);
});

it("parts a message that has more ranges than the caller wants", () => {
  expect(offsets(0, 2)).toEqual([[0, 20], [40]]);
  expect(offsets(0, 3)).toEqual([[0, 20, 40]]);
  expect(offsets(0, 1)).toEqual([[0], [20], [40]]);
});

it("leaves out ranges that end before the caller's start, not the one in which it lies", () => {
  expect(offsets(10, 0)).toEqual([[20, 40]]);
  expect(offsets(9, 0)).toEqual([[0, 20, 40]]);
  expect(offsets(45, 0)).toEqual([[40]]);
});

it("keeps a message without ranges, as it tells the size", () => {
  expect(offsets(99, 0)).toEqual([[]]);
  expect([...pagesOf({ ...message, blockMetadata: [] }, { startingOffset: 0n, maxResults: 5 })]).toHaveLength(1);
});
