import { KxError } from "@kx/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigMap } from "../api/gen/core-v1.ts";
import { splitLines } from "../transport/lines.ts";
import { createListReader } from "./list-reader.ts";
import { parseWatchEvent } from "./watch-event.ts";

const seed = Number(process.env["KX_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
console.log(`fuzz seed ${seed} (KX_FUZZ_SEED)`);
const frames = 10_000;

/** JSON as an API server may send it, with everything in strings that a scanner may stumble over. */
const nasty = fc.constantFrom('"', "\\", '\\"', "{", "}", "[", "]", ",", '"items":[', "\n", "\u2028", "é", "😀", "\0");
const text = fc.oneof(
  fc.string(),
  fc.array(nasty, { maxLength: 6 }).map((parts) => parts.join("")),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.constantFrom(true, false, null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(text, tie("value"), { maxKeys: 3 }),
  ),
}));
const object = fc.record({ metadata: fc.record({ name: text, resourceVersion: fc.string() }), data: value });
const event = fc.record({ type: fc.constantFrom("ADDED", "MODIFIED", "DELETED", "BOOKMARK"), object });
const good = event.map((one) => ({
  line: JSON.stringify(one),
  event: one as { type: string; object: object } | undefined,
}));
/** Near misses: cut off, types swapped, fields lost, bytes that are no UTF-8. */
const bad = fc.oneof(
  fc.tuple(event, fc.nat()).map(([one, at]) => JSON.stringify(one).slice(0, 1 + (at % 20))),
  fc.record({ type: text, object }).map((one) => JSON.stringify(one)),
  fc.record({ type: fc.constant("ADDED"), object: value }).map((one) => JSON.stringify(one)),
  fc.record({ type: fc.constant("ERROR"), object: value }).map((one) => JSON.stringify(one)),
  value.map((one) => JSON.stringify(one)),
  text.map((one) => one.replaceAll("\n", " ")),
);
const frame = fc.oneof(
  { weight: 4, arbitrary: good },
  { weight: 1, arbitrary: bad.map((line) => ({ line, event: undefined })) },
);

/** Cuts bytes into chunks at the places given, so also in the middle of characters. */
function chunks(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length));
}

async function* asStream(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

describe("a watch of fuzzed frames", () => {
  it("gives every event that was sent, and a KxError for all else", async () => {
    let [sent, read, refused] = [0, 0, 0];
    const batch = 50;
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame, { minLength: batch, maxLength: batch }),
        fc.array(fc.nat(), { maxLength: 40 }),
        async (given, cuts) => {
          const lines = given.filter(({ line }) => line !== "");
          sent += given.length;
          const bytes = Buffer.from(lines.map(({ line }) => `${line}\n`).join(""));
          let index = 0;
          for await (const line of splitLines(asStream(chunks(bytes, cuts)))) {
            const expected = lines[index++];
            expect(line.toString("utf8")).toBe(expected?.line);
            try {
              const parsed = parseWatchEvent(line, ConfigMap);
              read += 1;
              if (expected?.event !== undefined && parsed.type !== "BOOKMARK")
                expect(parsed).toEqual(JSON.parse(expected.line));
            } catch (error) {
              if (!KxError.is(error)) throw error;
              refused += 1;
              expect(expected?.event).toBeUndefined();
            }
          }
          expect(index).toBe(lines.length);
        },
      ),
      { seed, numRuns: frames / batch },
    );
    console.log(`${sent} frames: ${read} read, ${refused} refused`);
    expect(sent).toBeGreaterThanOrEqual(frames);
    expect(refused).toBeGreaterThan(100);
  });
});

describe("list reader", () => {
  const list = fc.record({
    kind: text,
    metadata: fc.record({ resourceVersion: fc.string(), continue: text }),
    items: fc.oneof(fc.array(fc.dictionary(text, value, { maxKeys: 4 }), { maxLength: 5 }), fc.constant(null)),
    extra: value,
  });

  it("finds what JSON.parse finds, however the bytes are cut and laid out", () => {
    fc.assert(
      fc.property(list, fc.array(fc.nat(), { maxLength: 30 }), fc.constantFrom(0, 2), (given, cuts, indent) => {
        const items: unknown[] = [];
        const reader = createListReader((json) => items.push(JSON.parse(json.toString("utf8"))));
        for (const chunk of chunks(Buffer.from(JSON.stringify(given, undefined, indent)), cuts)) reader.write(chunk);
        const expected = JSON.parse(JSON.stringify(given)) as typeof given;
        expect(reader.end()).toEqual({ ...expected, items: given.items === null ? null : [] });
        expect(items).toEqual(expected.items ?? []);
      }),
      { seed, numRuns: 2000 },
    );
  });

  it("refuses a list that is cut off", () => {
    const reader = createListReader(() => undefined);
    reader.write(Buffer.from('{"items":[{"a":1},'));
    expect(() => reader.end()).toThrow(/KX_API_ANSWER/);
  });
});
