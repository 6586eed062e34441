import { KxError } from "@kx/core";

/** A netlink attribute: a type, and bytes or attributes nested in it. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array | readonly Attribute[];
}

/** The bit that marks a nest. Only some families of messages insist on it, none minds it. */
const nestedFlag = 0x8000;
const typeMask = 0x3fff;
const headerBytes = 4;
const text = new TextEncoder();
const fromUtf8 = new TextDecoder();

export const bytes = (type: number, value: Uint8Array): Attribute => ({ type, value });
export const nest = (type: number, value: readonly Attribute[]): Attribute => ({ type, value });
export const u8 = (type: number, value: number): Attribute => bytes(type, Uint8Array.of(value));
/** Numbers in this machine's order: rtnetlink. */
export const u16 = (type: number, value: number): Attribute => bytes(type, raw(Uint16Array.of(value)));
export const u32 = (type: number, value: number): Attribute => bytes(type, raw(Uint32Array.of(value)));
export const u64 = (type: number, value: bigint): Attribute => bytes(type, raw(BigUint64Array.of(value)));
/** Numbers with their highest byte first: nf_tables. */
export const be32 = (type: number, value: number): Attribute => bytes(type, bigEndian32(value));
/** A text with a NUL at its end. */
export const string = (type: number, value: string): Attribute => bytes(type, text.encode(`${value}\0`));

/** A number of 32 bits with its highest byte first. */
function bigEndian32(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** What attributes take, each filled up to four bytes. */
export function sizeOf(attributes: readonly Attribute[]): number {
  return attributes.reduce((sum, one) => sum + aligned(headerBytes + valueSize(one.value)), 0);
}

/** A type whose attributes stand after a header of their own. */
export function nestAfter(type: number, header: Uint8Array, attributes: readonly Attribute[]): Attribute {
  const value = new Uint8Array(header.byteLength + sizeOf(attributes));
  value.set(header);
  writeAttributes(viewOf(value), header.byteLength, attributes);
  return { type, value };
}

/** Writes attributes at an offset; the buffer is zero there and large enough. */
export function writeAttributes(view: DataView, start: number, attributes: readonly Attribute[]): void {
  let offset = start;
  for (const { type, value } of attributes) {
    const size = headerBytes + valueSize(value);
    if (size > 0xffff)
      throw new KxError("KX_CNI_NETLINK_MESSAGE", `netlink attribute ${type} has ${size} bytes, over 65535`);
    const isNest = !(value instanceof Uint8Array);
    view.setUint16(offset, size, true);
    view.setUint16(offset + 2, isNest ? type | nestedFlag : type, true);
    if (isNest) writeAttributes(view, offset + headerBytes, value);
    else new Uint8Array(view.buffer).set(value, view.byteOffset + offset + headerBytes);
    offset += aligned(size);
  }
}

/** An attribute as it was received; what is in it is read when it is asked for. */
export class ReadAttribute {
  readonly type: number;
  readonly #from: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  constructor(type: number, from: Uint8Array, start: number, end: number) {
    this.type = type;
    this.#from = from;
    this.#start = start;
    this.#end = end;
  }

  get bytes(): Uint8Array {
    return this.#from.subarray(this.#start, this.#end);
  }

  /** A number of 8, 16 or 32 bits in this machine's order, by the attribute's size. */
  get number(): number {
    const view = viewOf(this.bytes);
    if (view.byteLength === 1) return view.getUint8(0);
    if (view.byteLength === 2) return view.getUint16(0, true);
    if (view.byteLength >= 4) return view.getUint32(0, true);
    throw malformed(`attribute ${this.type} has ${view.byteLength} bytes, which is no number`);
  }

  /** A number of 32 bits with its highest byte first. */
  get bigEndian(): number {
    const view = viewOf(this.bytes);
    if (view.byteLength >= 4) return view.getUint32(0);
    throw malformed(`attribute ${this.type} has ${view.byteLength} bytes, which is no number`);
  }

  get string(): string {
    const all = this.bytes;
    const end = all.indexOf(0);
    return fromUtf8.decode(end < 0 ? all : all.subarray(0, end));
  }

  get nested(): Attributes {
    return attributesOf(this.bytes);
  }

  /** The attributes of a list, in which types may come again. */
  get list(): readonly ReadAttribute[] {
    return readAttributes(this.bytes);
  }
}

/** Attributes by type; of several of a type the last. */
export type Attributes = ReadonlyMap<number, ReadAttribute>;

/** @throws KxError `KX_CNI_NETLINK_MESSAGE` if an attribute does not lie within the bytes. */
export function attributesOf(from: Uint8Array): Attributes {
  const found = new Map<number, ReadAttribute>();
  for (const one of readAttributes(from)) found.set(one.type, one);
  return found;
}

/** @throws KxError `KX_CNI_NETLINK_MESSAGE` if an attribute does not lie within the bytes. */
export function readAttributes(from: Uint8Array): readonly ReadAttribute[] {
  const read: ReadAttribute[] = [];
  const view = viewOf(from);
  for (let offset = 0; offset + headerBytes <= view.byteLength; ) {
    const size = view.getUint16(offset, true);
    if (size < headerBytes || offset + size > view.byteLength) {
      throw malformed(`an attribute of ${size} bytes stands at ${offset} of ${view.byteLength}`);
    }
    read.push(
      new ReadAttribute(view.getUint16(offset + 2, true) & typeMask, from, offset + headerBytes, offset + size),
    );
    offset += aligned(size);
  }
  return read;
}

export function viewOf(from: Uint8Array): DataView {
  return new DataView(from.buffer, from.byteOffset, from.byteLength);
}

export function malformed(why: string): KxError {
  return new KxError("KX_CNI_NETLINK_MESSAGE", `the kernel's netlink answer cannot be read: ${why}`);
}

/** To the next multiple of four. */
export function aligned(size: number): number {
  return (size + 3) & ~3;
}

function raw(value: ArrayBufferView): Uint8Array {
  return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
}

function valueSize(value: Attribute["value"]): number {
  return value instanceof Uint8Array ? value.byteLength : sizeOf(value);
}
