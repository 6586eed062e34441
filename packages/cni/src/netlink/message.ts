import {
  type Attribute,
  type Attributes,
  aligned,
  attributesOf,
  malformed,
  sizeOf,
  viewOf,
  writeAttributes,
} from "./attributes.ts";

/** A message to the kernel. */
export interface Message {
  readonly type: number;
  /** NLM_F_* beside NLM_F_REQUEST. */
  readonly flags: number;
  /** The family's fixed header, such as ifinfomsg; a multiple of four bytes. */
  readonly header: Uint8Array;
  readonly attributes: readonly Attribute[];
}

/** A message of the kernel. */
export interface ReadMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What stands after nlmsghdr: the family's header and attributes. */
  readonly payload: Uint8Array;
}

/** NLM_F_* of linux/netlink.h. */
export const messageFlags = {
  request: 0x1,
  ack: 0x4,
  echo: 0x8,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  dumpInterrupted: 0x10,
} as const;

/** The types that all families share. */
export const messageTypes = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

const headerBytes = 16;

/** The bytes of messages for one datagram, numbered from `firstSequence`. */
export function encodeMessages(messages: readonly Message[], firstSequence: number): Uint8Array {
  const sizes = messages.map(({ header, attributes }) => headerBytes + header.byteLength + sizeOf(attributes));
  const out = new Uint8Array(sizes.reduce((sum, size) => sum + aligned(size), 0));
  const view = viewOf(out);
  let offset = 0;
  for (const [index, { type, flags, header, attributes }] of messages.entries()) {
    const size = sizes[index] ?? 0;
    view.setUint32(offset, size, true);
    view.setUint16(offset + 4, type, true);
    view.setUint16(offset + 6, flags | messageFlags.request, true);
    view.setUint32(offset + 8, firstSequence + index, true);
    out.set(header, offset + headerBytes);
    writeAttributes(view, offset + headerBytes + header.byteLength, attributes);
    offset += aligned(size);
  }
  return out;
}

/** @throws KxError `KX_CNI_NETLINK_MESSAGE` if a message does not lie within the datagram. */
export function* readMessages(datagram: Uint8Array): Generator<ReadMessage> {
  const view = viewOf(datagram);
  for (let offset = 0; offset + headerBytes <= view.byteLength; ) {
    const size = view.getUint32(offset, true);
    if (size < headerBytes || offset + size > view.byteLength) {
      throw malformed(`a message of ${size} bytes stands at ${offset} of ${view.byteLength}`);
    }
    yield {
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + 6, true),
      sequence: view.getUint32(offset + 8, true),
      payload: datagram.subarray(offset + headerBytes, offset + size),
    };
    offset += aligned(size);
  }
}

/** The attributes that follow a family's header in a payload. */
export function attributesAfter(payload: Uint8Array, headerSize: number): Attributes {
  if (payload.byteLength < headerSize) throw malformed(`a header of ${headerSize} bytes has ${payload.byteLength}`);
  return attributesOf(payload.subarray(headerSize));
}

/** What the kernel says about a message: 0, or an error's number and perhaps its reason. */
export interface Verdict {
  readonly errno: number;
  readonly reason: string | undefined;
}

const [capped, hasReasons, reasonText] = [0x100, 0x200, 1];

/** Reads a message of type NLMSG_ERROR, or NLMSG_DONE, which starts with an error's number too. */
export function readVerdict({ flags, payload }: ReadMessage): Verdict {
  if (payload.byteLength < 4) return { errno: 0, reason: undefined };
  const view = viewOf(payload);
  const errno = -view.getInt32(0, true);
  if ((flags & hasReasons) === 0 || payload.byteLength < 4 + headerBytes) return { errno, reason: undefined };
  // After a failure the whole message is repeated, unless the socket asked for its header alone.
  const repeated = errno === 0 || (flags & capped) !== 0 ? headerBytes : aligned(view.getUint32(4, true));
  if (payload.byteLength < 4 + repeated) return { errno, reason: undefined };
  return { errno, reason: attributesOf(payload.subarray(4 + repeated)).get(reasonText)?.string };
}
