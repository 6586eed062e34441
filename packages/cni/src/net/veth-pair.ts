import { KxError } from "@kx/core";
import { errnoOf } from "../netlink/exchange.ts";
import { deleteLink, getLink, newLink, setLink, withoutOwnAddress } from "../rtnl/link-codec.ts";
import { randomMac } from "../rtnl/mac.ts";
import { type Link, readLink } from "../rtnl/read.ts";
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import { type OpenNetns, openNetns } from "./open-netns.ts";
import { hostEndName, isHostEndName, type Owner, ownerAlias } from "./owner.ts";

/** Both ends of an attachment's pair, just made. */
export interface Pair {
  readonly host: Link;
  readonly containerMac: string;
  readonly containerIndex: number;
}

/** What pair is to be made. */
export interface NewPair {
  readonly owner: Owner;
  /** What the container is attached to, for messages. */
  readonly to: string;
  /** The container's address. Default: any. */
  readonly mac?: string | undefined;
  /** Of both ends. Default: the kernel's. */
  readonly mtu?: number | undefined;
  /** Index of the bridge that the host's end is a port of. */
  readonly master?: number;
}

/** The kernel makes entries of sysfs for each queue, by default one for each processor; a pair without XDP uses but one. */
const queues = 1;
/** How long a host's end may take to come up before the caller looks after it, in tries of a millisecond. */
const upTries = 20;

/**
 * Makes the pair: one end on the host and up, the other in the container, still down. One message does it, so nothing is
 * left of a failure.
 *
 * @throws KxError `KX_CNI_INTERFACE` if the container has such an interface, or the attachment is there already.
 */
export function makePair(host: Rtnl, netns: OpenNetns, { owner, to, mac = randomMac(), mtu, master }: NewPair): Pair {
  const size = mtu === undefined ? {} : { mtu };
  const name = hostEndName(owner);
  const alias = ownerAlias(owner);
  const peer = { name: owner.ifName, netnsFd: netns.fd, mac, queues, ...size };
  const pair = newLink({
    name,
    mac: randomMac(),
    queues,
    up: true,
    ...(master === undefined ? {} : { master }),
    ...size,
    kind: { kind: "veth", peer },
  });
  try {
    const answers = host.request(
      { ...pair, what: `attach ${owner.ifName} to ${to}` },
      // The kernel does not take it from the message above.
      ...(alias === undefined ? [] : [setLink(name, { alias })]),
      // Frames that come to a bridge's port are the bridge's.
      ...(master === undefined ? [] : [{ ...withoutOwnAddress(name), expect: ["EAFNOSUPPORT"] }]),
      getLink(name),
    );
    const [message] = answers.at(-1)?.messages ?? [];
    const link = message === undefined ? host.link(name) : readLink(message);
    return { host: link, containerMac: mac, containerIndex: link.linked ?? 0 };
  } catch (error) {
    throw errnoOf(error) === "EEXIST" ? taken(host, netns, owner, error) : error;
  }
}

function taken(host: Rtnl, netns: OpenNetns, owner: Owner, cause: unknown): KxError {
  const isAttached = host.findLink(hostEndName(owner)) !== undefined;
  const inContainer = netns.enter(() => {
    using pod = openRtnl();
    return pod.findLink(owner.ifName) !== undefined;
  });
  if (isAttached) return attachedAlready(owner, inContainer ? "" : " in another network namespace", cause);
  return new KxError(
    "KX_CNI_INTERFACE",
    `the container ${owner.containerId} has an interface ${owner.ifName} already`,
    {
      cause,
      remedy: "choose another interface name, or delete what is there",
    },
  );
}

function attachedAlready({ network, containerId, ifName }: Owner, where = "", cause?: unknown): KxError {
  return new KxError(
    "KX_CNI_INTERFACE",
    `the container ${containerId} is attached to ${network} as ${ifName} already${where}`,
    { cause, remedy: "delete that attachment first" },
  );
}

/**
 * Looks whether an attachment is there already, before anything is made for another.
 *
 * @throws KxError `KX_CNI_INTERFACE` if it is.
 */
export function requireUnattached(owner: Owner): void {
  const host = sharedRtnl();
  if (host.findLink(hostEndName(owner)) !== undefined) throw attachedAlready(owner);
}

/** The host's end is up as soon as the container's is, but for what the kernel does a moment later. */
export function comesUp(host: Rtnl, index: number): boolean {
  for (let left = upTries; left > 0; left--) {
    if (host.findLink(index)?.isRunning === true) return true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  return false;
}

/**
 * Deletes a pair by its host's end. Where there is none, what another plug-in has attached under that name in the container
 * goes; the interface of another attachment of ours stays, as the runtime also deletes what could not be added.
 */
export function deletePair(owner: Owner, netns: string | undefined): void {
  const host = sharedRtnl();
  const [answer] = host.request({ ...deleteLink(hostEndName(owner)), expect: ["ENODEV"] });
  if (answer?.failed === undefined || netns === undefined) return;
  try {
    using container = openNetns(netns);
    container.enter(() => deleteForeign(host, owner.ifName));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function deleteForeign(host: Rtnl, ifName: string): void {
  using pod = openRtnl();
  const found = pod.findLink(ifName);
  if (found === undefined) return;
  const peer = found.kind === "veth" && found.linked !== undefined ? host.findLink(found.linked) : undefined;
  const isOurs = peer?.linked === found.index && isHostEndName(peer.name);
  if (!isOurs) pod.request({ ...deleteLink(found.index), expect: ["ENODEV"] });
}

function isGone(error: unknown): boolean {
  return KxError.is(error) && error.code === "KX_CNI_NETNS" && error.details["errno"] === "ENOENT";
}
