import { KxError } from "@kx/core";
import { type Answer, openExchange, type Request } from "../netlink/exchange.ts";
import type { ReadMessage } from "../netlink/message.ts";
import { getAddress6, listAddresses } from "./address-codec.ts";
import { getLink, type LinkRef, listLinks } from "./link-codec.ts";
import { type AddressState, type Link, type RouteState, readAddress, readLink, readRoutes } from "./read.ts";
import { listRoutes } from "./route-codec.ts";

/**
 * A socket for links, addresses and routes. Its calls block this thread, which is where the kernel does the work: only for
 * the worker of network calls, or a program about to end.
 */
export interface Rtnl extends Disposable {
  /**
   * Sends requests as one datagram. The kernel tries each of them, also after one that failed.
   *
   * @throws KxError `KX_CNI_NETLINK` for the first failure that was not expected.
   */
  request(...requests: readonly Request[]): readonly Answer[];
  /** Sends one request that asks for a list. */
  dump(request: Request): readonly ReadMessage[];
  /** The link, or undefined. */
  findLink(ref: LinkRef): Link | undefined;
  /** @throws KxError `KX_CNI_NETLINK` with `ENODEV`. */
  link(ref: LinkRef): Link;
  links(filter?: Parameters<typeof listLinks>[0]): readonly Link[];
  addresses(filter?: Parameters<typeof listAddresses>[0]): readonly AddressState[];
  /** An IPv6 address of a link, found without a list. */
  findAddress6(index: number, ip: string): AddressState | undefined;
  routes(filter?: Parameters<typeof listRoutes>[0]): readonly RouteState[];
}

/**
 * Opens a socket in the thread's network namespace, or another, where it stays.
 *
 * @throws KxError `KX_LINUX_SYSCALL` or `KX_LINUX_UNAVAILABLE`.
 */
export function openRtnl(netns?: string): Rtnl {
  const socket = openExchange({ protocol: 0, netns });
  const one = (request: Request) => socket.exchange([request])[0]?.messages[0];
  const find = <T>(request: Request, read: (message: NonNullable<ReturnType<typeof one>>) => T, missing: string) => {
    const message = one({ ...request, expect: [missing] });
    return message === undefined ? undefined : read(message);
  };
  const findLink = (ref: LinkRef) => find(getLink(ref), readLink, "ENODEV");
  return {
    request: (...requests) => socket.exchange(requests),
    dump: (request) => socket.dump(request),
    findLink,
    link(ref) {
      const found = findLink(ref);
      if (found !== undefined) return found;
      throw new KxError("KX_CNI_NETLINK", `there is no link ${ref}`, { details: { errno: "ENODEV" } });
    },
    links: (filter) => socket.dump(listLinks(filter)).map(readLink),
    addresses: (filter = {}) =>
      socket
        .dump(listAddresses(filter))
        .map(readAddress)
        .filter(({ index }) => filter.index === undefined || index === filter.index),
    findAddress6: (index, ip) => find(getAddress6(index, ip), readAddress, "EADDRNOTAVAIL"),
    routes: (filter) =>
      socket
        .dump(listRoutes(filter))
        .flatMap(readRoutes)
        .filter(({ table }) => filter?.table === undefined || table === filter.table),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}
