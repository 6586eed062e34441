import type { Attribute } from "../netlink/attributes.ts";
import { bytes, nest, string, u32, u64, viewOf } from "../netlink/attributes.ts";
import type { Request } from "../netlink/exchange.ts";
import { messageFlags } from "../netlink/message.ts";
import { traffic, types } from "./numbers.ts";

/** A limit of what goes out by a link. */
export interface TokenBucket {
  readonly bytesPerSecond: number;
  /** How many bytes may go out at once after a time of quiet. */
  readonly burstBytes: number;
  /** How long a packet may wait before it is dropped, in milliseconds. */
  readonly latencyMs: number;
}

const root = 0xffffffff;
const ingressParent = 0xfffffff1;
const [rootHandle, ingressHandle] = [0x0001_0000, 0xffff_0000];
const ethernetFraming = 1;
const allProtocols = 0x0300;
const greatestNumber32 = 0xffff_ffff;

/** Sets the limit of what goes out by a link, in place of another. */
export function setTokenBucket(index: number, { bytesPerSecond, burstBytes, latencyMs }: TokenBucket): Request {
  const limit = Math.min(Math.round((bytesPerSecond * latencyMs) / 1000 + burstBytes), greatestNumber32);
  // tc_tbf_qopt: rate and peak rate (tc_ratespec), limit, buffer, mtu; the attributes after it are exact.
  const options = new Uint8Array(36);
  const view = viewOf(options);
  view.setUint8(1, ethernetFraming);
  view.setUint32(8, Math.min(bytesPerSecond, greatestNumber32), true);
  view.setUint32(24, limit, true);
  return {
    ...qdiscRequest(types.newQdisc, { index, handle: rootHandle, parent: root }, "tbf", [
      bytes(tokenBucket.options, options),
      u32(tokenBucket.burst, burstBytes),
      ...(bytesPerSecond > greatestNumber32 ? [u64(tokenBucket.rate64, BigInt(bytesPerSecond))] : []),
    ]),
    flags: messageFlags.create | messageFlags.replace,
    what: `limit what goes out by the link ${index}`,
  };
}

/** Lets filters see what comes in by a link. `EEXIST` if they do already. */
export function newIngress(index: number): Request {
  return {
    ...qdiscRequest(types.newQdisc, { index, handle: ingressHandle, parent: ingressParent }, "ingress", []),
    flags: messageFlags.create | messageFlags.exclusive,
    what: `look at what comes in by the link ${index}`,
  };
}

/** Sends all that comes in by a link out by another, such as an ifb that limits it. */
export function redirectIngress(index: number, to: number): Request {
  // tc_u32_sel with one key whose mask is zero: everything matches, and it ends there.
  const selector = new Uint8Array(16 + 16);
  selector.set([terminal, 0, 1]);
  // tc_mirred: index, capab, action stolen, refcnt, bindcnt, then what to do and where.
  const redirect = new Uint8Array(28);
  const view = viewOf(redirect);
  view.setInt32(8, stolen, true);
  view.setInt32(20, egressRedirect, true);
  view.setUint32(24, to, true);
  const action = nest(1, [string(1, "mirred"), nest(2, [bytes(2, redirect)])]);
  return {
    ...qdiscRequest(
      types.newFilter,
      { index, handle: 0, parent: ingressHandle, info: (1 << 16) | allProtocols },
      "u32",
      [bytes(u32Filter.selector, selector), nest(u32Filter.action, [action])],
    ),
    flags: messageFlags.create | messageFlags.exclusive,
    what: `redirect what comes in by the link ${index} to ${to}`,
  };
}

/** Takes the limit, or the filters, away; `ENOENT` or `EINVAL` if there are none. */
export function deleteQdisc(index: number, which: "root" | "ingress"): Request {
  const place =
    which === "root" ? { index, handle: 0, parent: root } : { index, handle: ingressHandle, parent: ingressParent };
  return {
    ...qdiscRequest(types.delQdisc, place, undefined, []),
    what: `remove the ${which} discipline of the link ${index}`,
  };
}

/** TCA_TBF_*, TCA_U32_*. */
const tokenBucket = { options: 1, rate64: 4, burst: 6 } as const;
const u32Filter = { selector: 5, action: 7 } as const;
/** TC_U32_TERMINAL, TC_ACT_STOLEN, TCA_EGRESS_REDIR. */
const [terminal, stolen, egressRedirect] = [1, 4, 1];

interface Place {
  readonly index: number;
  readonly handle: number;
  readonly parent: number;
  readonly info?: number;
}

function qdiscRequest(
  type: number,
  { index, handle, parent, info = 0 }: Place,
  kind: string | undefined,
  options: readonly Attribute[],
): Request {
  // tcmsg
  const header = new Uint8Array(20);
  const view = viewOf(header);
  view.setInt32(4, index, true);
  view.setUint32(8, handle, true);
  view.setUint32(12, parent, true);
  view.setUint32(16, info, true);
  const attributes = [
    ...(kind === undefined ? [] : [string(traffic.kind, kind)]),
    ...(options.length === 0 ? [] : [nest(traffic.options, options)]),
  ];
  return { what: "", type, flags: 0, header, attributes };
}
