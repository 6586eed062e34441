import { type Attribute, be32, bytes, nest, string } from "../netlink/attributes.ts";
import type { Request } from "../netlink/exchange.ts";
import { messageFlags } from "../netlink/message.ts";
import type { Expression } from "./expressions.ts";
import { encodeFields, type Field, fieldBytes, lengthOf, typeOf } from "./fields.ts";
import {
  chain as chainAttribute,
  data,
  element as elementAttribute,
  elements as elementsAttribute,
  families,
  hook as hookAttribute,
  hooks,
  intervalEnd,
  listElement,
  type NftFamily,
  type NftHook,
  rule as ruleAttribute,
  set as setAttribute,
  setDescription,
  setFlags,
  table as tableAttribute,
  types,
  userDataBytes,
  userDataKinds,
} from "./numbers.ts";

/** A table, by family and name. */
export interface Table {
  readonly family: NftFamily;
  readonly name: string;
}

/** A chain; with `base` packets come to it by themselves. */
export interface Chain {
  readonly name: string;
  readonly base?: {
    readonly type: "filter" | "nat" | "route";
    readonly hook: NftHook;
    /** Lower ones come first: -300 raw, -100 dstnat, 0 filter, 100 srcnat. */
    readonly priority: number;
  };
}

/** A set, or with `data` a map. */
export interface NftSet {
  readonly name: string;
  readonly key: readonly Field[];
  readonly data?: readonly Field[];
  /** Its elements are ranges. */
  readonly interval?: boolean;
}

/** A key or value: a text for each field, or its bytes as the kernel has them. */
export type Content = readonly string[] | Uint8Array;

export interface Element {
  readonly key: Content;
  /** The last of a range, in sets of ranges. */
  readonly keyEnd?: Content | undefined;
  readonly data?: Content | undefined;
  /** Shown by nft(8); at most 128 bytes. */
  readonly comment?: string | undefined;
}

/** All of these are in order if what they make is there already, but for `newRule`, and `newElements` if it is exclusive. */
export function newTable(table: Table, comment?: string): Request {
  const attributes = [
    string(tableAttribute.name, table.name),
    ...(comment === undefined ? [] : [bytes(tableAttribute.userData, userData(comment))]),
  ];
  return request(table, types.newTable, attributes, {
    what: `make the table ${shown(table)}`,
    flags: messageFlags.create,
  });
}

/** `ENOENT` if there is none. */
export function deleteTable(table: Table): Request {
  const attributes = [string(tableAttribute.name, table.name)];
  return request(table, types.delTable, attributes, { what: `delete the table ${shown(table)}` });
}

export function newChain(table: Table, { name, base }: Chain): Request {
  const attributes = [string(chainAttribute.table, table.name), string(chainAttribute.name, name)];
  const ofBase = (it: NonNullable<Chain["base"]>) => [
    nest(chainAttribute.hook, [be32(hookAttribute.number, hooks[it.hook]), be32(hookAttribute.priority, it.priority)]),
    be32(chainAttribute.policy, 1),
    string(chainAttribute.type, it.type),
  ];
  return request(table, types.newChain, [...attributes, ...(base === undefined ? [] : ofBase(base))], {
    what: `make the chain ${name} of ${shown(table)}`,
    flags: messageFlags.create,
  });
}

/** `ENOENT` if there is none. */
export function getChain(table: Table, name: string): Request {
  const attributes = [string(chainAttribute.table, table.name), string(chainAttribute.name, name)];
  return request(table, types.getChain, attributes, { what: `find the chain ${name} of ${shown(table)}` });
}

/** Of all tables of the table's family. */
export function listChains(table: Table): Request {
  return request(table, types.getChain, [], { what: `list the chains of ${table.family}` });
}

/** A rule to be made. */
export interface NewRule {
  readonly expressions: readonly Expression[];
  /** Shown by nft(8); at most 128 bytes. */
  readonly comment?: string;
  /** Not shown by anybody; left out if both are too long for the kernel. */
  readonly mark?: string;
}

/** A rule at the end of a chain, or before all others. */
export function newRule(
  table: Table,
  chain: string,
  { expressions, comment, mark: hidden }: NewRule,
  place: "last" | "first" = "last",
): Request {
  const attributes = [
    string(ruleAttribute.table, table.name),
    string(ruleAttribute.chain, chain),
    nest(ruleAttribute.expressions, expressions),
    ...(comment === undefined ? [] : [bytes(ruleAttribute.userData, userData(comment, hidden))]),
  ];
  return request(table, types.newRule, attributes, {
    what: `add a rule to the chain ${chain} of ${shown(table)}`,
    flags: messageFlags.create | (place === "last" ? messageFlags.append : 0),
  });
}

/** Deletes a rule by its handle, or without one all rules of a chain. */
export function deleteRule(table: Table, chain: string, handle?: bigint): Request {
  const attributes = [
    string(ruleAttribute.table, table.name),
    string(ruleAttribute.chain, chain),
    ...(handle === undefined ? [] : [bytes(ruleAttribute.handle, bigEndian64(handle))]),
  ];
  return request(table, types.delRule, attributes, { what: `delete rules of the chain ${chain} of ${shown(table)}` });
}

export function listRules(table: Table, chain: string): Request {
  const attributes = [string(ruleAttribute.table, table.name), string(ruleAttribute.chain, chain)];
  return request(table, types.getRule, attributes, { what: `list the chain ${chain} of ${shown(table)}` });
}

export function newSet(table: Table, set: NftSet): Request {
  // Keys of several fields that are no ranges are plain bytes to the kernel.
  const isConcatenation = set.key.length > 1 && set.interval === true;
  const flags =
    (set.interval === true ? setFlags.interval : 0) |
    (set.data === undefined ? 0 : setFlags.map) |
    (isConcatenation ? setFlags.concatenation : 0);
  const { data: value } = set;
  const attributes = [
    ...setName(table, set.name),
    be32(setAttribute.flags, flags),
    be32(setAttribute.keyType, typeOf(set.key)),
    be32(setAttribute.keyLength, lengthOf(set.key)),
    ...(value === undefined
      ? []
      : [be32(setAttribute.dataType, typeOf(value)), be32(setAttribute.dataLength, lengthOf(value))]),
    // Only those who made it in the same transaction could refer to it.
    be32(setAttribute.id, 1),
    ...(isConcatenation ? [concatenation(set.key)] : []),
    ...(set.key.length === 1 && set.key[0] === "ifname" ? [bytes(setAttribute.userData, hostOrder)] : []),
  ];
  return request(table, types.newSet, attributes, {
    what: `make the set ${set.name} of ${shown(table)}`,
    flags: messageFlags.create,
  });
}

/** `ENOENT` if there is none, `EBUSY` while a rule uses it. */
export function deleteSet(table: Table, name: string): Request {
  return request(table, types.delSet, setName(table, name), { what: `delete the set ${name} of ${shown(table)}` });
}

export function listSets(table: Table): Request {
  return request(table, types.getSet, [string(setAttribute.table, table.name)], {
    what: `list sets of ${shown(table)}`,
  });
}

/** `ENOENT` without the set; `EEXIST` if an element is there, with `exclusive`, or with another value. */
export function newElements(
  table: Table,
  set: NftSet,
  list: readonly Element[],
  options: { readonly exclusive?: boolean } = {},
): Request {
  return request(table, types.newElement, elementList(table, set, list), {
    what: `add ${list.map(({ key }) => shownKey(key)).join(", ")} to the set ${set.name} of ${shown(table)}`,
    flags: messageFlags.create | (options.exclusive === true ? messageFlags.exclusive : 0),
  });
}

/** `ENOENT` if one of them is not there. */
export function deleteElements(table: Table, set: NftSet, list: readonly Element[]): Request {
  const keys = list.map(({ key, keyEnd }) => ({ key, ...(keyEnd === undefined ? {} : { keyEnd }) }));
  return request(table, types.delElement, elementList(table, set, keys), {
    what: `remove ${list.map(({ key }) => shownKey(key)).join(", ")} from the set ${set.name} of ${shown(table)}`,
  });
}

/** One element, found without a list. */
export function getElement(table: Table, set: NftSet, key: Content): Request {
  return request(table, types.getElement, elementList(table, set, [{ key }]), {
    what: `find ${shownKey(key)} in the set ${set.name} of ${shown(table)}`,
  });
}

export function listElements(table: Table, name: string): Request {
  const attributes = [string(elementsAttribute.table, table.name), string(elementsAttribute.set, name)];
  return request(table, types.getElement, attributes, { what: `list the set ${name} of ${shown(table)}` });
}

/** Tells nft(8) in which order to read a key that is a text: kind 0, four bytes, this machine's. */
const hostOrder = Uint8Array.of(0, 4, 1, 0, 0, 0);

/** What stands before and after the requests of a transaction. */
export const transaction = { begin: mark(types.begin), end: mark(types.end) } as const;

function mark(type: number): Request {
  // nfgenmsg: its last field names the subsystem, nf_tables.
  return { what: "change nftables", type, flags: 0, header: Uint8Array.of(0, 0, 0, 10), attributes: [] };
}

function request(
  { family }: Table,
  type: number,
  attributes: readonly Attribute[],
  more: { readonly what: string; readonly flags?: number },
): Request {
  return { flags: 0, ...more, type, header: Uint8Array.of(families[family], 0, 0, 0), attributes };
}

function shown({ family, name }: Table): string {
  return `${family} ${name}`;
}

function shownKey(key: Content): string {
  return key instanceof Uint8Array ? Buffer.from(key).toString("hex") : key.join(" . ");
}

function setName(table: Table, name: string): readonly Attribute[] {
  return [string(setAttribute.table, table.name), string(setAttribute.name, name)];
}

/** The lengths of a key's fields, each of which is a range. */
function concatenation(key: readonly Field[]): Attribute {
  const lengths = key.map((field) => nest(listElement, [be32(setDescription.fieldLength, fieldBytes(field))]));
  return nest(setAttribute.description, [nest(setDescription.concatenation, lengths)]);
}

function elementList(table: Table, set: NftSet, list: readonly Element[]): readonly Attribute[] {
  return [
    string(elementsAttribute.table, table.name),
    string(elementsAttribute.set, set.name),
    nest(
      elementsAttribute.list,
      list.flatMap((one) => encodeElement(set, one)),
    ),
  ];
}

function encodeElement(set: NftSet, { key, keyEnd, data: value, comment }: Element): readonly Attribute[] {
  const field = (type: number, content: Uint8Array) => nest(type, [bytes(data.value, content)]);
  const encode = (fields: readonly Field[], content: Content) =>
    content instanceof Uint8Array ? content : encodeFields(fields, content);
  const start = encode(set.key, key);
  const isWhole = set.interval !== true || set.key.length > 1;
  const last = set.interval === true ? encode(set.key, keyEnd ?? key) : undefined;
  const one = nest(listElement, [
    field(elementAttribute.key, start),
    ...(isWhole && last !== undefined ? [field(elementAttribute.keyEnd, last)] : []),
    ...(value === undefined || set.data === undefined ? [] : [field(elementAttribute.data, encode(set.data, value))]),
    ...(comment === undefined ? [] : [bytes(elementAttribute.userData, userData(comment))]),
  ]);
  if (isWhole || last === undefined) return [one];
  // A range of one field is two elements: its first, and what comes after its last, if anything does.
  const after = increment(last);
  const end = () =>
    nest(listElement, [field(elementAttribute.key, after ?? last), be32(elementAttribute.flags, intervalEnd)]);
  return after === undefined ? [one] : [one, end()];
}

/** A comment as nft(8) keeps it: kind 0, length, text with a NUL; then a mark in the same way, which nft(8) passes over. */
function userData(comment: string, hidden?: string): Uint8Array {
  const field = (kind: number, text: string) => {
    const value = new TextEncoder().encode(text).subarray(0, 128);
    return [kind, value.byteLength + 1, ...value, 0];
  };
  const shownPart = field(userDataKinds.comment, comment);
  const both = hidden === undefined ? shownPart : [...shownPart, ...field(userDataKinds.mark, hidden)];
  return Uint8Array.from(both.length > userDataBytes ? shownPart : both);
}

function increment(value: Uint8Array): Uint8Array | undefined {
  const out = value.slice();
  for (let at = out.byteLength - 1; at >= 0; at--) {
    out[at] = ((out[at] ?? 0) + 1) & 0xff;
    if (out[at] !== 0) return out;
  }
  return undefined;
}

function bigEndian64(value: bigint): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, value);
  return out;
}
