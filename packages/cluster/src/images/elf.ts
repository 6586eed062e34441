const programInterpreter = 3; // PT_INTERP

/**
 * The dynamic loader that a 64-bit little-endian ELF program asks for; absent if it is statically linked or is no such
 * program. A dynamically linked program does not run in an image that holds nothing else.
 */
export function elfInterpreter(program: Uint8Array): string | undefined {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const isElf64 = program.length >= 64 && view.getUint32(0) === 0x7f454c46 && program[4] === 2 && program[5] === 1;
  if (!isElf64) return undefined;
  const table = Number(view.getBigUint64(32, true));
  const entrySize = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  for (let at = table, i = 0; i < count && at + 56 <= program.length; at += entrySize, i++) {
    if (view.getUint32(at, true) !== programInterpreter) continue;
    const offset = Number(view.getBigUint64(at + 8, true));
    const size = Number(view.getBigUint64(at + 32, true));
    return Buffer.from(program.subarray(offset, offset + size))
      .toString("utf8")
      .replace(/\0.*$/s, "");
  }
  return undefined;
}
