import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BlockRange, blockBytes, dataRanges, differentRanges } from "./block-ranges.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-csi-ranges-"));
});
afterAll(() => rm(folder, { recursive: true }));

const chunkBlocks = 256;
/** Blocks around the ends of the chunks that are read at a time. */
const block = fc.oneof(
  fc.constantFrom(0, 1, chunkBlocks - 1, chunkBlocks, 2 * chunkBlocks - 1),
  fc.nat(2 * chunkBlocks + 3),
);
const blocks = fc.uniqueArray(block, { maxLength: 12 });

async function image(name: string, full: readonly number[], size: number): Promise<string> {
  const bytes = Buffer.alloc(size);
  // One byte each, at a place of its own.
  for (const index of full) if (index * blockBytes + index < size) bytes[index * blockBytes + index] = 1;
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
}
async function blocksOf(ranges: AsyncIterable<BlockRange>): Promise<readonly number[]> {
  const found: number[] = [];
  let end = -1;
  for await (const { byteOffset, sizeBytes } of ranges) {
    // Neighbours are one range.
    expect(Number(byteOffset)).toBeGreaterThan(end);
    end = Number(byteOffset + sizeBytes);
    for (let at = Number(byteOffset); at < end; at += blockBytes) found.push(at / blockBytes);
  }
  return found;
}
const unaborted = new AbortController().signal;
const ascending = (a: number, b: number) => a - b;

describe("ranges of blocks", () => {
  it("are those that hold data, from an offset on", async () => {
    await fc.assert(
      fc.asyncProperty(blocks, block, async (full, start) => {
        await using file = await open(await image("one", full, (2 * chunkBlocks + 4) * blockBytes));
        const expected = full.filter((index) => index >= start).toSorted(ascending);
        expect(await blocksOf(dataRanges(file, start * blockBytes + 5, unaborted))).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  it("are those that differ, also beyond the end of the older image", async () => {
    await fc.assert(
      fc.asyncProperty(blocks, blocks, fc.nat(2 * chunkBlocks), async (before, after, older) => {
        await using base = await open(await image("base", before, older * blockBytes));
        await using target = await open(await image("target", after, (2 * chunkBlocks + 4) * blockBytes));
        const had = new Set(before.filter((index) => index < older));
        const expected = [...new Set([...had, ...after])].filter((index) => had.has(index) !== after.includes(index));
        expect(await blocksOf(differentRanges(base, target, 0, unaborted))).toEqual(expected.toSorted(ascending));
      }),
      { numRuns: 40 },
    );
  });

  it("end with an image whose last block is not whole", async () => {
    const path = await image("odd", [1], blockBytes + 100);
    await using file = await open(path);
    const found: BlockRange[] = [];
    for await (const range of dataRanges(file, 0, unaborted)) found.push(range);
    expect(found).toEqual([{ byteOffset: BigInt(blockBytes), sizeBytes: 100n }]);
  });

  it("end for who has gone, also where there is nothing to tell", async () => {
    await using file = await open(await image("empty", [], 4 * chunkBlocks * blockBytes));
    const gone = new AbortController();
    const ranges = dataRanges(file, 0, gone.signal);
    const first = ranges.next();
    gone.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
  });
});
