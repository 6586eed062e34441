import { KxError } from "@kx/core";

const newline = 0x0a;

/** Longest line accepted, in bytes: an object has at most 3 MB in etcd, and JSON may be somewhat larger. */
const defaultMaxBytes = 64 * 1024 * 1024;

/**
 * Splits chunks into lines, without the newline and without empty lines. Works on bytes, so that a character cut in two
 * by a chunk boundary stays whole. A rest without newline comes last.
 */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number = defaultMaxBytes,
): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const tail = chunk.subarray(start, end);
      const line = held.length === 0 ? tail : Buffer.concat([...held, tail]);
      held = [];
      heldBytes = 0;
      start = end + 1;
      if (line.length > 0) yield line;
    }
    if (start < chunk.length) {
      held.push(chunk.subarray(start));
      heldBytes += chunk.length - start;
    }
    if (heldBytes > maxBytes) {
      throw new KxError("KX_TRANSPORT_LINE_TOO_LONG", `a line has more than ${maxBytes} bytes`);
    }
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}
