import { createHash } from "node:crypto";
import { KxError } from "@kx/core";
import { attachmentMark, isMarkOf, staleMarks } from "../net/attachment-mark.ts";
import type { Collect } from "../net/collect.ts";
import { openNetns } from "../net/open-netns.ts";
import type { Owner } from "../net/owner.ts";
import { errnoOf } from "../netlink/exchange.ts";
import { deleteLink, newLink, setLink } from "../rtnl/link-codec.ts";
import type { Link } from "../rtnl/read.ts";
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import { deleteQdisc, newIngress, redirectIngress, setTokenBucket, type TokenBucket } from "../rtnl/traffic-codec.ts";
import { findTokenBucket } from "../rtnl/traffic-read.ts";

/** A limit of one direction. */
export interface RateLimit {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
}

/** The limits of a container, as it sees them. */
export interface Bandwidths {
  readonly owner: Owner;
  /** Path of the container's network namespace. */
  readonly netns: string;
  /** Names of the node's interfaces, one of which is the other end of the container's. */
  readonly hostInterfaces: readonly string[];
  /** What it receives. */
  readonly ingress?: RateLimit;
  /** What it sends. */
  readonly egress?: RateLimit;
}

/** The interface by which what a container sends is limited. */
export interface MadeIfb {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
}

/** How long a packet may wait, as the Go plug-in has it. */
const latencyMs = 25;
const ifbPrefix = "bwp";
const gone = ["ENODEV", "ENOENT", "EINVAL"];

/**
 * Limits what a container sends and receives: all of it, or nothing.
 *
 * @returns the interface that was made to limit what it sends, if that is limited.
 * @throws KxError `KX_CNI_INTERFACE` if it is limited already.
 */
export function bandwidthAdd(request: Bandwidths): MadeIfb | undefined {
  const host = sharedRtnl();
  const end = findHostEnd(host, request);
  const { ingress, egress } = request;
  const undo: (() => unknown)[] = [];
  try {
    // First, as its name is taken if the attachment is limited already.
    const ifb = egress === undefined ? undefined : makeIfb(host, request, end.mtu);
    if (ifb !== undefined) undo.push(() => host.request({ ...deleteLink(ifb.index), expect: gone }));
    if (ingress !== undefined) {
      host.request(setTokenBucket(end.index, bucketOf(ingress), "exclusive"));
      undo.push(() => host.request({ ...deleteQdisc(end.index, "root"), expect: gone }));
    }
    if (egress === undefined || ifb === undefined) return undefined;
    host.request(setTokenBucket(ifb.index, bucketOf(egress), "exclusive"));
    host.request(newIngress(end.index));
    undo.push(() => host.request({ ...deleteQdisc(end.index, "ingress"), expect: gone }));
    host.request(redirectIngress(end.index, ifb.index));
    return { name: ifb.name, mac: ifb.mac, mtu: ifb.mtu };
  } catch (error) {
    for (const step of undo.toReversed()) step();
    throw errnoOf(error) === "EEXIST" ? limitedAlready(request.owner, error) : error;
  }
}

/** Takes limits away; what is gone already is no error. Without a namespace the container's interface is gone with all its own. */
export function bandwidthDelete(
  request: Pick<Bandwidths, "owner" | "hostInterfaces"> & { readonly netns?: string },
): void {
  const host = sharedRtnl();
  const { owner, netns, hostInterfaces } = request;
  const ifb = host.findLink(ifbName(owner));
  // Without a mark it was made by the Go plug-in.
  const isOurs = ifb?.kind === "ifb" && (ifb.alias === undefined || isMarkOf(ifb.alias, owner));
  const end = netns === undefined ? undefined : lookForHostEnd(host, { owner, netns, hostInterfaces });
  if (end !== undefined) {
    if (findTokenBucket(host, end.index) !== undefined)
      host.request({ ...deleteQdisc(end.index, "root"), expect: gone });
    if (isOurs) host.request({ ...deleteQdisc(end.index, "ingress"), expect: gone });
  }
  if (isOurs) host.request({ ...deleteLink(ifb.index), expect: gone });
}

/** Removes the interfaces of none of a network's attachments; without a list of those, of what has lost its namespace. */
export function bandwidthCollect({ network, valid }: Collect): readonly string[] {
  const host = sharedRtnl();
  const isStale = staleMarks(network, valid);
  const stale = host.links().filter(({ name, kind, alias }) => kind === "ifb" && isIfbName(name) && isStale(alias));
  host.request(...stale.map(({ index }) => ({ ...deleteLink(index), expect: gone })));
  return stale.map(({ name }) => name);
}

/** The name that the Go plug-in gives too, so that either can delete what the other made. */
export function ifbName({ network, containerId }: Owner): string {
  return `${ifbPrefix}${createHash("sha512").update(`${network}${containerId}`).digest("hex").slice(0, 12)}`;
}

type Ends = Pick<Bandwidths, "netns" | "owner" | "hostInterfaces">;

/** The node's end of the container's interface. */
export function lookForHostEnd(host: Rtnl, { netns, owner, hostInterfaces }: Ends): Link | undefined {
  using container = openNetns(netns);
  const own = container.enter(() => {
    using pod = openRtnl();
    return pod.findLink(owner.ifName);
  });
  const end = own?.linked === undefined ? undefined : host.findLink(own.linked);
  // Numbers of interfaces are given anew in each namespace; results of the first versions name no interfaces.
  const isEnd = end !== undefined && end.kind === "veth" && end.linked === own?.index;
  return isEnd && (hostInterfaces.length === 0 || hostInterfaces.includes(end.name)) ? end : undefined;
}

/** @throws KxError `KX_CNI_INTERFACE` if the container's interface has no other end among the node's. */
function findHostEnd(host: Rtnl, ends: Ends): Link {
  const end = lookForHostEnd(host, ends);
  if (end !== undefined) return end;
  const { ifName, containerId } = ends.owner;
  throw new KxError(
    "KX_CNI_INTERFACE",
    `${ifName} of ${containerId} is no end of a pair with an interface of the node`,
    {
      remedy: "use kx-bandwidth after a plug-in that attaches by a veth pair, such as kx-bridge or kx-ptp",
    },
  );
}

/** A limit as the kernel takes it. */
export function bucketOf({ bytesPerSecond, burstBytes }: RateLimit): TokenBucket {
  return { bytesPerSecond, burstBytes, latencyMs };
}

function makeIfb(host: Rtnl, attached: Bandwidths, mtu: number): Link {
  const name = ifbName(attached.owner);
  host.request(newLink({ name, mtu, up: true, kind: { kind: "ifb" } }));
  // The kernel takes an alias only of what is there.
  host.request(setLink(name, { alias: attachmentMark(attached) }));
  return host.link(name);
}

function isIfbName(name: string): boolean {
  return new RegExp(`^${ifbPrefix}[0-9a-f]{12}$`).test(name);
}

function limitedAlready({ network, containerId, ifName }: Owner, cause: unknown): KxError {
  return new KxError("KX_CNI_INTERFACE", `${ifName} of ${containerId} in ${network} is limited already`, {
    cause,
    remedy: "delete the attachment before it is added again; one interface of a container can be limited in a network",
  });
}

/** Why nothing can be limited, in words, if so. */
export function bandwidthProblem(): string | undefined {
  try {
    const host = sharedRtnl();
    findTokenBucket(host, host.link("lo").index);
    return undefined;
  } catch (error) {
    return KxError.from(error).reason;
  }
}
