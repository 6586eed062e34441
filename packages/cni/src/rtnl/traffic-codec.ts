import type { Attribute } from "../netlink/attributes.ts";
import { bytes, nest, string, u32, u64, viewOf } from "../netlink/attributes.ts";
import type { Request } from "../netlink/exchange.ts";
import { messageFlags } from "../netlink/message.ts";
import {
  action,
  ingressHandle,
  ingressParent,
  mirred,
  qdiscRoot,
  rootHandle,
  tokenBucket,
  traffic,
  types,
  u32Filter,
} from "./numbers.ts";

/** A limit of what goes out by a link. */
export interface TokenBucket {
  readonly bytesPerSecond: number;
  /** How many bytes may go out at once after a time of quiet. */
  readonly burstBytes: number;
  /** How long a packet may wait before it is dropped, in milliseconds. */
  readonly latencyMs: number;
}

const ethernetFraming = 1;
const allProtocols = 0x0300;
const greatestNumber32 = 0xffff_ffff;

/** How many bytes may wait under a limit. */
export function waitingBytes({ bytesPerSecond, burstBytes, latencyMs }: TokenBucket): number {
  return Math.min(Math.trunc((bytesPerSecond * latencyMs) / 1000 + burstBytes), greatestNumber32);
}

/** Sets the limit of what goes out by a link, in place of another; `exclusive`: `EEXIST` if there is one. */
export function setTokenBucket(index: number, bucket: TokenBucket, mode?: "exclusive"): Request {
  const { bytesPerSecond, burstBytes } = bucket;
  const limit = waitingBytes(bucket);
  // tc_tbf_qopt: rate and peak rate (tc_ratespec), limit, buffer, mtu; the attributes after it are exact.
  const options = new Uint8Array(36);
  const view = viewOf(options);
  view.setUint8(1, ethernetFraming);
  view.setUint32(8, Math.min(bytesPerSecond, greatestNumber32), true);
  view.setUint32(24, limit, true);
  return {
    ...qdiscRequest(types.newQdisc, { index, handle: rootHandle, parent: qdiscRoot }, "tbf", [
      bytes(tokenBucket.options, options),
      u32(tokenBucket.burst, burstBytes),
      ...(bytesPerSecond > greatestNumber32 ? [u64(tokenBucket.rate64, BigInt(bytesPerSecond))] : []),
    ]),
    flags: messageFlags.create | (mode === undefined ? messageFlags.replace : messageFlags.exclusive),
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
  const redirection = nest(1, [
    string(action.kind, "mirred"),
    nest(action.options, [bytes(mirred.parameters, redirect)]),
  ]);
  return {
    ...qdiscRequest(
      types.newFilter,
      { index, handle: 0, parent: ingressHandle, info: (1 << 16) | allProtocols },
      "u32",
      [bytes(u32Filter.selector, selector), nest(u32Filter.action, [redirection])],
    ),
    flags: messageFlags.create | messageFlags.exclusive,
    what: `redirect what comes in by the link ${index} to ${to}`,
  };
}

/** Takes the limit, or the filters, away; `ENOENT` or `EINVAL` if there are none. */
export function deleteQdisc(index: number, which: "root" | "ingress"): Request {
  const place =
    which === "root"
      ? { index, handle: 0, parent: qdiscRoot }
      : { index, handle: ingressHandle, parent: ingressParent };
  return {
    ...qdiscRequest(types.delQdisc, place, undefined, []),
    what: `remove the ${which} discipline of the link ${index}`,
  };
}

/** TC_U32_TERMINAL, TC_ACT_STOLEN, TCA_EGRESS_REDIR. */
const [terminal, stolen, egressRedirect] = [1, 4, 1];

/** What stands at a link's root, or lets filters see what comes in; an error of several names if nothing does. */
export function getQdisc(index: number, which: "root" | "ingress"): Request {
  const parent = which === "root" ? qdiscRoot : ingressParent;
  return {
    ...qdiscRequest(types.getQdisc, { index, handle: 0, parent }, undefined, []),
    // Older kernels send it to the asker only so.
    flags: messageFlags.echo,
    what: `look at the ${which} discipline of the link ${index}`,
  };
}

/** The filters of what comes in by a link. */
export function listIngressFilters(index: number): Request {
  return {
    ...qdiscRequest(types.getFilter, { index, handle: 0, parent: ingressHandle }, undefined, []),
    what: `list filters of the link ${index}`,
  };
}

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
