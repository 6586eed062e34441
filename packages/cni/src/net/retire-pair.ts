import { fstatSync } from "node:fs";
import { KxError } from "@kx/core";
import { openExchange } from "../netlink/exchange.ts";
import { deleteAddress } from "../rtnl/address-codec.ts";
import { deleteLinkGroup, setLink } from "../rtnl/link-codec.ts";
import type { Link } from "../rtnl/read.ts";
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import { type OpenNetns, openNetns } from "./open-netns.ts";
import { hostEndName, type Owner } from "./owner.ts";
import { deletePair } from "./veth-pair.ts";

/** The group of links that only wait for being deleted, all at once. The kernel keeps it, so nothing is lost with a process. */
const retiredGroup = 0x6b_78;

/** A pair that only waits for being deleted. */
export interface RetiredPair {
  /** Number of the network namespace that the container's end is still in. */
  readonly namespace: number;
}

/**
 * Takes a pair out of use, which does not wait in the kernel as deleting it does: both ends are down and have other names,
 * the container's has no address, the host's is no port of anything. Gives nothing if the pair was not there, or had to be
 * deleted at once, as where the container's namespace is not known.
 *
 * `openRetiredDeleter` deletes what was retired.
 */
export function retirePair(owner: Owner, netns: string | undefined): RetiredPair | undefined {
  const retired = netns === undefined ? undefined : tryRetire(owner, netns);
  if (retired === undefined) deletePair(owner, netns);
  return retired;
}

/** Deletes what was retired. */
export interface RetiredDeleter extends Disposable {
  /** Deletes all, one call after another. It takes the kernel a while, however many there are, in which no thread is held up. */
  deleteAll(): Promise<void>;
}

/** Opens a deleter for the network namespace that this thread is in. */
export function openRetiredDeleter(): RetiredDeleter {
  const host = openExchange({ protocol: 0 });
  return {
    async deleteAll() {
      await host.exchangeAside([{ ...deleteLinkGroup(retiredGroup), expect: ["ENODEV"] }]);
    },
    [Symbol.dispose]: () => host[Symbol.dispose](),
  };
}

function tryRetire(owner: Owner, netns: string): RetiredPair | undefined {
  const host = sharedRtnl();
  const end = host.findLink(hostEndName(owner));
  if (end?.linked === undefined) return undefined;
  const peer = end.linked;
  try {
    using container = openNetns(netns);
    if (!container.enter(() => retireContainerEnd(peer, end.index))) return undefined;
    // Last: from here on whoever deletes the group deletes the pair.
    host.request(
      setLink(end.index, { up: false, master: 0, group: retiredGroup }, `retire ${end.name}`),
      setLink(end.index, { name: retiredName(end.index) }),
    );
    return { namespace: namespaceOf(container) };
  } catch (error) {
    // Deleting it at once tells what is wrong, if anything is.
    if (KxError.is(error)) return undefined;
    throw error;
  }
}

function retireContainerEnd(index: number, hostIndex: number): boolean {
  using pod = openRtnl();
  const found = pod.findLink(index);
  if (found === undefined || !isPeer(found, hostIndex)) return false;
  pod.request(
    setLink(index, { up: false }),
    ...addressesOf(pod, index),
    setLink(index, { name: retiredName(index) }, `retire ${found.name}`),
  );
  return true;
}

function isPeer({ kind, linked }: Link, hostIndex: number): boolean {
  return kind === "veth" && linked === hostIndex;
}

/** Addresses of IPv6 go as the link goes down, or not, as the container has set it up. */
function addressesOf(pod: Rtnl, index: number) {
  return pod.addresses({ index }).map(({ address }) => ({
    ...deleteAddress({ index, address }),
    expect: ["EADDRNOTAVAIL"],
  }));
}

function retiredName(index: number): string {
  return `kxd${index}`;
}

function namespaceOf({ fd }: OpenNetns): number {
  return fstatSync(fd).ino;
}
