import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitLines } from "./lines.ts";

async function* chunksOf(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (const end of [...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function linesOf(bytes: Buffer, cuts: readonly number[], maxBytes?: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of splitLines(chunksOf(bytes, cuts), maxBytes)) lines.push(line.toString("utf8"));
  return lines;
}

describe("splitLines", () => {
  it("gives the same lines wherever the chunks are cut, also inside a character", async () => {
    const text = fc.string({ unit: fc.constantFrom("a", "\n", "é", "漢", "🦀", '"', "\r") });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat()), async (value, cuts) => {
        const wanted = value.split("\n").filter((line) => line !== "");
        expect(await linesOf(Buffer.from(value), cuts)).toEqual(wanted);
      }),
      { numRuns: 500 },
    );
  });

  it("refuses a line that does not end", async () => {
    await expect(linesOf(Buffer.alloc(100, "x"), [50], 80)).rejects.toMatchObject({
      code: "KX_TRANSPORT_LINE_TOO_LONG",
    });
  });
});
