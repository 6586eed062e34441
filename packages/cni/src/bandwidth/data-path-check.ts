import type { Rtnl } from "../rtnl/rtnl.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import { waitingBytes } from "../rtnl/traffic-codec.ts";
import { findRedirections, findTokenBucket } from "../rtnl/traffic-read.ts";
import { type Bandwidths, bucketOf, ifbName, lookForHostEnd, type RateLimit } from "./data-path.ts";

/** The kernel keeps a burst as the time that it takes, rounded. */
const tolerance = 0.01;
const greatestNs = 2 ** 32 * 64;

/** What is not as it was made, in words. */
export function bandwidthCheck(request: Bandwidths): readonly string[] {
  const host = sharedRtnl();
  const end = lookForHostEnd(host, request);
  if (end === undefined) return [`${request.owner.ifName} is no end of a pair with an interface of the node`];
  const { ingress, egress } = request;
  const received = ingress === undefined ? [] : limitProblems(host, end, ingress);
  if (egress === undefined) return received;
  const ifb = host.findLink(ifbName(request.owner));
  if (ifb === undefined) return [...received, `${ifbName(request.owner)}, which limits what is sent, is missing`];
  const isRedirected = findRedirections(host, end.index).includes(ifb.index);
  return [
    ...received,
    ...(ifb.isUp ? [] : [`${ifb.name} is down`]),
    ...limitProblems(host, ifb, egress),
    ...(isRedirected ? [] : [`what comes in by ${end.name} is not sent to ${ifb.name}`]),
  ];
}

function limitProblems(
  host: Rtnl,
  { index, name }: { readonly index: number; readonly name: string },
  limit: RateLimit,
): readonly string[] {
  const found = findTokenBucket(host, index);
  if (found === undefined) return [`what goes out by ${name} is not limited`];
  const { bytesPerSecond, burstBytes } = limit;
  const wantedNs = (burstBytes / bytesPerSecond) * 1e9;
  const isBurst = wantedNs >= greatestNs || Math.abs(found.burstNs - wantedNs) <= wantedNs * tolerance + 128;
  return [
    ...(found.bytesPerSecond === bytesPerSecond
      ? []
      : [`${name} is limited to ${found.bytesPerSecond} bytes per second, not ${bytesPerSecond}`]),
    ...(isBurst ? [] : [`bursts by ${name} take ${found.burstNs} ns, not ${Math.round(wantedNs)}`]),
    ...(found.waitingBytes === waitingBytes(bucketOf(limit))
      ? []
      : [`${found.waitingBytes} bytes may wait for ${name}, not ${waitingBytes(bucketOf(limit))}`]),
  ];
}
