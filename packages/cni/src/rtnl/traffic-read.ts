import { type ReadAttribute, viewOf } from "../netlink/attributes.ts";
import { attributesAfter, type ReadMessage } from "../netlink/message.ts";
import { action, mirred, tokenBucket, traffic, u32Filter } from "./numbers.ts";
import type { Rtnl } from "./rtnl.ts";
import { getQdisc, listIngressFilters } from "./traffic-codec.ts";

/** A limit as the kernel has it. */
export interface TokenBucketState {
  readonly bytesPerSecond: number;
  /** How long a burst takes at that rate, which is how the kernel keeps its size, in nanoseconds. */
  readonly burstNs: number;
  readonly waitingBytes: number;
}

/** PSCHED_TICKS2NS. */
const nsPerTick = 64;
const headerBytes = 20;

/** The limit of what goes out by a link, if it has one. */
export function findTokenBucket(rtnl: Rtnl, index: number): TokenBucketState | undefined {
  const [answer] = rtnl.request({ ...getQdisc(index, "root"), expect: nothingThere });
  const [message] = answer?.messages ?? [];
  if (message === undefined || kindOf(message) !== "tbf") return undefined;
  const options = attributesAfter(message.payload, headerBytes).get(traffic.options)?.nested;
  const parameters = options?.get(tokenBucket.options)?.bytes;
  if (parameters === undefined || parameters.byteLength < 36) return undefined;
  // tc_tbf_qopt, as setTokenBucket writes it.
  const view = viewOf(parameters);
  const exact = options?.get(tokenBucket.rate64)?.bytes;
  return {
    bytesPerSecond: exact === undefined ? view.getUint32(8, true) : Number(viewOf(exact).getBigUint64(0, true)),
    burstNs: view.getUint32(28, true) * nsPerTick,
    waitingBytes: view.getUint32(24, true),
  };
}

/** The links by which what comes in by a link goes out again. */
export function findRedirections(rtnl: Rtnl, index: number): readonly number[] {
  return rtnl.dump({ ...listIngressFilters(index), expect: nothingThere }).flatMap((message) => {
    const options = attributesAfter(message.payload, headerBytes).get(traffic.options)?.nested;
    return (options?.get(u32Filter.action)?.list ?? []).flatMap(redirectionOf);
  });
}

const nothingThere = ["ENOENT", "EINVAL"];

function redirectionOf({ nested }: ReadAttribute): readonly number[] {
  if (nested.get(action.kind)?.string !== "mirred") return [];
  const parameters = nested.get(action.options)?.nested.get(mirred.parameters)?.bytes;
  return parameters === undefined || parameters.byteLength < 28 ? [] : [viewOf(parameters).getUint32(24, true)];
}

function kindOf({ payload }: ReadMessage): string | undefined {
  return attributesAfter(payload, headerBytes).get(traffic.kind)?.string;
}
