import { type Cidr, ipBits } from "@kx/core/units";
import { type Attribute, be32, bytes, nest, string, u8 } from "../netlink/attributes.ts";
import { familyOf, ipBytes } from "../rtnl/ip-bytes.ts";
import {
  comparisons,
  ctKeys,
  data,
  expression,
  families,
  fib,
  firstRegister,
  listElement,
  localAddressType,
  metaKeys,
  natTypes,
  payloadBases,
  verdict,
  verdictCodes,
} from "./numbers.ts";

/** A step of a rule: it loads a register, compares one, or decides. */
export type Expression = Attribute;

/** A register of four bytes, from 0 to 15; longer values take several. */
export type Register = number;

const verdictRegister = 0;

/** Bytes of a packet into registers, from the start of its link, network or transport header. */
export function payload(base: keyof typeof payloadBases, offset: number, length: number, to: Register = 0): Expression {
  return expr("payload", [be32(1, register(to)), be32(2, payloadBases[base]), be32(3, offset), be32(4, length)]);
}

/** What is known about a packet beside its bytes. */
export function meta(key: keyof typeof metaKeys, to: Register = 0): Expression {
  return expr("meta", [be32(1, register(to)), be32(2, metaKeys[key])]);
}

/** What connection tracking knows. */
export function ct(key: keyof typeof ctKeys, to: Register = 0): Expression {
  return expr("ct", [be32(1, register(to)), be32(2, ctKeys[key])]);
}

/** The port that a connection's first packet was sent to, before any translation: 2 bytes. */
export function originalPort(to: Register = 0): Expression {
  const original = 0;
  return expr("ct", [be32(1, register(to)), be32(2, ctKeys.protocolDestination), u8(3, original)]);
}

/** The rule goes on only if a number of 32 bits, loaded into the first register, has one of these bits. */
export function hasBits(load: Expression, bits: number): readonly Expression[] {
  return [load, mask(hostOrder32(bits)), compare(hostOrder32(0), "notEqual")];
}

/** Sets bits of a packet's mark. */
export function addMark(bits: number): readonly Expression[] {
  const set = expr("meta", [be32(2, metaKeys.mark), be32(3, register(0))]);
  return [meta("mark"), mask(hostOrder32(~bits >>> 0), 0, hostOrder32(bits)), set];
}

/** The rule goes on only if the registers hold this value, or, with `notEqual`, do not. */
export function compare(value: Uint8Array, how: keyof typeof comparisons = "equal", from: Register = 0): Expression {
  return expr("cmp", [be32(1, register(from)), be32(2, comparisons[how]), nest(3, [bytes(data.value, value)])]);
}

/** Leaves only the bits of a mask, and then turns those of `flip`. */
export function mask(
  bits: Uint8Array,
  at: Register = 0,
  flip: Uint8Array = new Uint8Array(bits.byteLength),
): Expression {
  return expr("bitwise", [
    be32(1, register(at)),
    be32(2, register(at)),
    be32(3, bits.byteLength),
    nest(4, [bytes(data.value, bits)]),
    nest(5, [bytes(data.value, flip)]),
  ]);
}

/** The rule goes on only if the registers hold an element of a set, or, with `inverted`, do not. */
export function lookup(
  set: string,
  options: { readonly inverted?: boolean; readonly from?: Register } = {},
): Expression {
  const { inverted = false, from = 0 } = options;
  return expr("lookup", [string(1, set), be32(2, register(from)), ...(inverted ? [be32(5, 1)] : [])]);
}

/** The rule goes on only if a map has the key, whose value is put into registers. */
export function lookupMap(map: string, to: Register, from: Register = 0): Expression {
  return expr("lookup", [string(1, map), be32(2, register(from)), be32(3, register(to))]);
}

/** The value that a map has for the key is the verdict. */
export function lookupVerdict(map: string, from: Register = 0): Expression {
  return expr("lookup", [string(1, map), be32(2, register(from)), be32(3, verdictRegister)]);
}

/** Counts packets and bytes. */
export function counter(): Expression {
  return expr("counter", []);
}

/** Puts a value into registers. */
export function immediate(value: Uint8Array, to: Register): Expression {
  return expr("immediate", [be32(1, register(to)), nest(2, [bytes(data.value, value)])]);
}

/** Ends the rule with a verdict. */
export function decide(code: keyof typeof verdictCodes, chain?: string): Expression {
  return expr("immediate", [be32(1, verdictRegister), nest(2, [verdictData(code, chain)])]);
}

/** A verdict as an element's value or a rule's end. */
function verdictData(code: keyof typeof verdictCodes, chain?: string): Attribute {
  const to = chain === undefined ? [] : [string(verdict.chain, chain)];
  return nest(data.verdict, [be32(verdict.code, verdictCodes[code]), ...to]);
}

/** Sends packets on to, or as if from, the address and port in registers. */
export function nat(
  type: keyof typeof natTypes,
  family: "ip" | "ip6",
  from: { readonly address: Register; readonly port?: Register },
): Expression {
  return expr("nat", [
    be32(1, natTypes[type]),
    be32(2, families[family]),
    be32(3, register(from.address)),
    ...(from.port === undefined ? [] : [be32(5, register(from.port))]),
  ]);
}

/** Lets packets go out as if from this host. */
export function masquerade(): Expression {
  return expr("masq", []);
}

/** The rule goes on only for packets to an address of this host. */
export function isToThisHost(): readonly Expression[] {
  const load = expr("fib", [be32(1, register(0)), be32(2, fib.addressType), be32(3, fib.ofDestination)]);
  return [load, compare(hostOrder32(localAddressType))];
}

/** The rule goes on only for packets of a family; needed in tables of the family `inet`. */
export function isFamily(family: 4 | 6): readonly Expression[] {
  return [meta("networkProtocol"), compare(Uint8Array.of(familyOf({ family, value: 0n })))];
}

/** Loads the source or destination address of a packet of a family: 4 or 16 bytes. */
export function address(of: "source" | "destination", family: 4 | 6, to: Register = 0): Expression {
  if (family === 4) return payload("network", of === "source" ? 12 : 16, 4, to);
  return payload("network", of === "source" ? 8 : 24, 16, to);
}

/** The rule goes on only for packets from or to a range, or, with `notEqual`, elsewhere. */
export function inRange(
  of: "source" | "destination",
  { base, prefix }: Cidr,
  how: keyof typeof comparisons = "equal",
): readonly Expression[] {
  const bits = prefixMask(base.family, prefix);
  return [address(of, base.family), mask(bits), compare(ipBytes(base), how)];
}

function prefixMask(family: 4 | 6, prefix: number): Uint8Array {
  const all = (1n << BigInt(ipBits(family))) - 1n;
  return ipBytes({ family, value: (all << BigInt(ipBits(family) - prefix)) & all });
}

/** Registers are loaded in this machine's order where the value is a number of the kernel's own. */
function hostOrder32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function register(at: Register): number {
  return firstRegister + at;
}

function expr(name: string, attributes: readonly Attribute[]): Expression {
  return nest(listElement, [string(expression.name, name), nest(expression.data, attributes)]);
}
