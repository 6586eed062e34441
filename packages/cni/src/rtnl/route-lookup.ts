import { parseIp } from "@kx/core/units";
import { bytes } from "../netlink/attributes.ts";
import type { Request } from "../netlink/exchange.ts";
import { familyOf, ipBytes } from "./ip-bytes.ts";
import { route, routeKind, types } from "./numbers.ts";
import { readRoutes } from "./read.ts";
import type { Rtnl } from "./rtnl.ts";

/** Where the kernel would send a packet. */
export interface Way {
  /** Index of the link by which it goes out. */
  readonly index: number | undefined;
  /** The address is this host's own. */
  readonly isLocal: boolean;
}

/** The way to an address; undefined if there is none. */
export function findWay(rtnl: Rtnl, ip: string): Way | undefined {
  const [answer] = rtnl.request({ ...getRoute(ip), expect: ["ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL"] });
  const [message] = answer?.messages ?? [];
  const [found] = message === undefined ? [] : readRoutes(message);
  return found === undefined ? undefined : { index: found.index, isLocal: found.kind === routeKind.local };
}

function getRoute(ip: string): Request {
  const parsed = parseIp(ip);
  const header = new Uint8Array(12);
  header.set([familyOf(parsed), parsed.family === 4 ? 32 : 128]);
  const attributes = [bytes(route.destination, ipBytes(parsed))];
  return { what: `find the way to ${ip}`, type: types.getRoute, flags: 0, header, attributes };
}
