import { KxError } from "@kx/core";

/** Reads a list while it comes in. */
export interface ListReader {
  write(chunk: Buffer): void;
  /** The list without its items, when all has been written. Throws KX_API_ANSWER if it is not complete. */
  end(): unknown;
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];
const itemsKey = Buffer.from('"items"');

/**
 * Hands out the bytes of each element of the top-level `items`, found by their bounds: a list of many objects is never
 * held as one text, which may be longer than a string can be. Strings are skipped from quote to quote.
 */
export function createListReader(onItem: (json: Buffer) => void): ListReader {
  const envelope: Buffer[] = [];
  /** Parts of the present item that came in earlier chunks. */
  let held: Buffer[] = [];
  let depth = 0;
  let inString = false;
  /** The last byte of the chunk before was a backslash that escapes what follows. */
  let escapes = false;
  let inItems = false;
  /** The last string at the top level, with its quotes; its part in earlier chunks while it goes on. */
  let lastString = Buffer.alloc(0);

  return {
    write(chunk) {
      if (chunk.length === 0) return;
      let at = 0;
      /** Where the present item, or part of the envelope, starts in this chunk. */
      let start = 0;
      let stringStart = 0;
      if (escapes) {
        escapes = false;
        at = 1;
      }
      for (;;) {
        if (inString) {
          const end = endOfString(chunk, at);
          if (end === -1) {
            escapes = backslashesBefore(chunk, chunk.length, at) % 2 === 1;
            if (depth === 1) lastString = Buffer.concat([lastString, chunk.subarray(stringStart)]);
            break;
          }
          inString = false;
          if (depth === 1) lastString = Buffer.concat([lastString, chunk.subarray(stringStart, end + 1)]);
          at = end + 1;
        }
        if (at >= chunk.length) break;
        const byte = chunk[at];
        if (byte === quote) {
          inString = true;
          stringStart = at;
          if (depth === 1) lastString = Buffer.alloc(0);
        } else if (byte === openBrace || byte === openBracket) {
          depth += 1;
          if (depth === 2 && byte === openBracket && lastString.equals(itemsKey)) {
            inItems = true;
            envelope.push(chunk.subarray(start, at + 1));
            start = at + 1;
          } else if (depth === 3 && inItems) start = at;
        } else if (byte === closeBrace || byte === closeBracket) {
          depth -= 1;
          if (depth === 2 && inItems) {
            const tail = chunk.subarray(start, at + 1);
            onItem(held.length === 0 ? tail : Buffer.concat([...held, tail]));
            held = [];
            start = at + 1;
          } else if (depth === 1 && inItems) {
            inItems = false;
            start = at;
          }
        } else if (byte === comma && inItems && depth === 2) start = at + 1;
        at += 1;
      }
      if (start >= chunk.length) return;
      if (!inItems) envelope.push(chunk.subarray(start));
      else if (depth > 2) held.push(chunk.subarray(start));
    },
    end() {
      try {
        if (depth !== 0 || inString) throw new Error("the list ended too early");
        return JSON.parse(Buffer.concat(envelope).toString("utf8"));
      } catch (cause) {
        throw new KxError("KX_API_ANSWER", "the answer is not a complete list in JSON", { cause, retryable: true });
      }
    },
  };
}

/** The index of the quote that ends a string, from a place inside it. */
function endOfString(chunk: Buffer, from: number): number {
  for (let end = chunk.indexOf(quote, from); end !== -1; end = chunk.indexOf(quote, end + 1)) {
    if (backslashesBefore(chunk, end, from) % 2 === 0) return end;
  }
  return -1;
}

function backslashesBefore(chunk: Buffer, end: number, from: number): number {
  let first = end;
  while (first > from && chunk[first - 1] === backslash) first -= 1;
  return end - first;
}
