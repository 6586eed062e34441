import * as z from "zod/mini";

export const ip = z.union([z.ipv4(), z.ipv6()], "must be an IP address");
/** An address with the length of its prefix: host bits may be set, 10.1.0.5/16. */
export const cidr = z.union([z.cidrv4(), z.cidrv6()], "must be an IP address with a prefix length");
const count = z.int().check(z.nonnegative());

/** How names are resolved. */
export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

const texts = z.exactOptional(z.array(z.string()));
export const dns = z.looseObject({
  nameservers: texts,
  domain: z.exactOptional(z.string()),
  search: texts,
  options: texts,
});

/** A route to `dst`, through `gw` or, without it, through the container's interface. */
export interface Route {
  readonly dst: string;
  readonly gw?: string;
}

/** A route as of 1.1.0. */
export interface FullRoute extends Route {
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

export const route = z.looseObject({ dst: cidr, gw: z.exactOptional(ip) });
export const fullRoute = z.extend(route, {
  mtu: z.exactOptional(count),
  advmss: z.exactOptional(count),
  priority: z.exactOptional(count),
  table: z.exactOptional(count),
  scope: z.exactOptional(count),
});
