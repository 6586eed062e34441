import type { FileHandle } from "node:fs/promises";

/** A part of a volume, in bytes. */
export interface BlockRange {
  readonly byteOffset: bigint;
  readonly sizeBytes: bigint;
}

/** The least length of a range, and what its ends are multiples of. */
export const blockBytes = 4096;
const chunkBytes = 1024 ** 2;

/** Which parts of an image hold anything but zeros, from `start` on. Throws when the signal aborts. */
export function dataRanges(image: FileHandle, start: number, signal: AbortSignal): AsyncGenerator<BlockRange> {
  return ranges(start, signal, async (offset) => {
    const chunk = await readChunk(image, offset);
    return { chunk, other: Buffer.alloc(chunk.length) };
  });
}

/** In which parts two images differ, from `start` on; where one ends before the other, it counts as zeros. */
export function differentRanges(
  base: FileHandle,
  target: FileHandle,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<BlockRange> {
  return ranges(start, signal, async (offset) => {
    const [chunk, before] = await Promise.all([readChunk(target, offset), readChunk(base, offset)]);
    const other = Buffer.alloc(chunk.length);
    before.copy(other);
    return { chunk, other };
  });
}

interface Chunks {
  readonly chunk: Buffer;
  readonly other: Buffer;
}

async function* ranges(
  start: number,
  signal: AbortSignal,
  read: (offset: number) => Promise<Chunks>,
): AsyncGenerator<BlockRange> {
  let from: number | undefined;
  let offset = start - (start % blockBytes);
  for (;;) {
    // What is alike gives nothing to read, so nobody who has gone would be noticed.
    signal.throwIfAborted();
    const { chunk, other } = await read(offset);
    const isSame = chunk.equals(other);
    for (let at = 0; at < chunk.length; at += isSame ? chunk.length : blockBytes) {
      const end = Math.min(at + blockBytes, chunk.length);
      const isDifferent = !isSame && chunk.compare(other, at, end, at, end) !== 0;
      if (isDifferent) from ??= offset + at;
      else if (from !== undefined) {
        yield rangeOf(from, offset + at);
        from = undefined;
      }
    }
    offset += chunk.length;
    if (chunk.length < chunkBytes) break;
  }
  if (from !== undefined) yield rangeOf(from, offset);
}

function rangeOf(from: number, to: number): BlockRange {
  return { byteOffset: BigInt(from), sizeBytes: BigInt(to - from) };
}

async function readChunk(image: FileHandle, offset: number): Promise<Buffer> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  let length = 0;
  for (let count = -1; count !== 0 && length < chunkBytes; length += count) {
    count = (await image.read(chunk, length, chunkBytes - length, offset + length)).bytesRead;
  }
  return chunk.subarray(0, length);
}
