import type { FileHandle } from "node:fs/promises";

/** A regular file of a tar, by its place in it. */
export interface TarFile {
  readonly name: string;
  /** First byte of its content, from the start of the tar. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Tells a broken tar; the caller adds which file it was. */
export class TarProblem extends Error {}

const block = 512;
const maxEntries = 10_000;
const maxExtension = 64 * 1024;

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end === -1 ? bytes.length : end);
}

function number(bytes: Buffer, what: string): number {
  // GNU's base-256 form, for sizes of 8 GiB and more.
  if (((bytes[0] ?? 0) & 0x80) !== 0) {
    const value = bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, (bytes[0] ?? 0) & 0x7f);
    if (!Number.isSafeInteger(value)) throw new TarProblem(`${what} is too large`);
    return value;
  }
  const digits = text(bytes).trim();
  if (!/^[0-7]*$/.test(digits)) throw new TarProblem(`${what} is not an octal number`);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function checkSum(header: Buffer, at: number): void {
  const stored = number(header.subarray(148, 156), `checksum of the header at byte ${at}`);
  let sum = 8 * 0x20;
  for (let i = 0; i < block; i++) if (i < 148 || i >= 156) sum += header[i] ?? 0;
  if (sum !== stored) throw new TarProblem(`header at byte ${at} has a wrong checksum`);
}

/** The records of a pax header (POSIX.1-2001), `LENGTH KEY=VALUE\n` each. */
function paxRecords(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space === -1 ? "" : bytes.toString("latin1", at, space);
    const length = /^[1-9][0-9]{0,5}$/.test(digits) ? Number(digits) : 0;
    const record = bytes.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    if (length === 0 || at + length > bytes.length || bytes[at + length - 1] !== 0x0a || equals < 1) {
      throw new TarProblem("pax header is malformed");
    }
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

async function readExactly(handle: FileHandle, offset: number, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  for (let got = 0; got < size; ) {
    const { bytesRead } = await handle.read(bytes, got, size - got, offset + got);
    if (bytesRead === 0) throw new TarProblem(`ends in the middle of an entry, at byte ${offset + got}`);
    got += bytesRead;
  }
  return bytes;
}

/** What an extension header says about the entry that follows it. */
interface Overrides {
  readonly name?: string;
  readonly size?: number;
}

function paxOverrides(bytes: Buffer): Overrides {
  const records = paxRecords(bytes);
  const path = records.get("path");
  const size = records.get("size");
  if (size !== undefined && !/^[0-9]{1,15}$/.test(size)) throw new TarProblem("pax header has a size that is none");
  return { ...(path === undefined ? {} : { name: path }), ...(size === undefined ? {} : { size: Number(size) }) };
}

/**
 * Lists the regular files of a tar (ustar, pax, GNU long names) without reading their content. Folders and a global
 * pax header are passed over; links and devices are refused, because an OCI layout has none. Throws TarProblem.
 */
export async function listTarFiles(handle: FileHandle, fileSize: number): Promise<TarFile[]> {
  const files: TarFile[] = [];
  let next: Overrides = {};
  for (let at = 0, seen = 0; ; seen++) {
    if (seen > maxEntries) throw new TarProblem(`has more than ${maxEntries} entries`);
    const header = await readExactly(handle, at, block);
    if (header.every((byte) => byte === 0)) return files;
    checkSum(header, at);
    const type = String.fromCharCode(header[156] ?? 0);
    const prefix =
      header.toString("latin1", 257, 262) === "ustar" && header[262] === 0 ? text(header.subarray(345, 500)) : "";
    const short = text(header.subarray(0, 100));
    const name = next.name ?? (prefix === "" ? short : `${prefix}/${short}`);
    const size = next.size ?? number(header.subarray(124, 136), `size of entry ${JSON.stringify(name)}`);
    const offset = at + block;
    if (size > fileSize - offset)
      throw new TarProblem(`entry ${JSON.stringify(name)} is longer than the rest of the file`);
    at = offset + Math.ceil(size / block) * block;
    if (type === "x" || type === "L") {
      if (size > maxExtension) throw new TarProblem(`extension header of ${size} bytes is too large`);
      const body = await readExactly(handle, offset, size);
      next = { ...next, ...(type === "x" ? paxOverrides(body) : { name: text(body) }) };
      continue;
    }
    next = {};
    if (type === "0" || type === "\0") files.push({ name, offset, size });
    else if (type !== "5" && type !== "g") {
      throw new TarProblem(`entry ${JSON.stringify(name)} is neither a file nor a folder`);
    }
  }
}
