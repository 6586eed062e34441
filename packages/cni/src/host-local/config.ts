import type { Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import type { FullRoute, IpRange } from "@kx/core/contracts/cni";
import * as z from "zod/mini";

/** Where leases are kept unless the configuration says otherwise. */
export const defaultDataDir = "/var/lib/cni/networks";

/** How addresses are managed: the `ipam` of a network's configuration. */
export interface HostLocalIpam {
  /** One address is given out of each inner list. */
  readonly ranges?: readonly (readonly IpRange[])[];
  /** A single range as it was written before `ranges` was there; comes before those. */
  readonly subnet?: string;
  readonly rangeStart?: string;
  readonly rangeEnd?: string;
  readonly gateway?: string;
  /** Given to the container as they are. */
  readonly routes?: readonly FullRoute[];
  /** A file such as /etc/resolv.conf from which the container's DNS settings are read. */
  readonly resolvConf?: string;
  /** Where leases are kept, a folder for each network. Default: /var/lib/cni/networks. */
  readonly dataDir?: string;
  /** Whether what other networks of the same `dataDir` have given is not given either. Default: false. */
  readonly avoidOtherNetworks?: boolean;
}

/** The fields of kx-host-local. */
export interface HostLocalConfig {
  readonly ipam: HostLocalIpam;
  readonly args?: {
    readonly cni?: {
      /** Addresses that are asked for, with or without the length of their prefix. */
      readonly ips?: readonly string[];
    };
  };
}

const text = z.exactOptional(z.string());
const number = z.exactOptional(z.int().check(z.nonnegative()));
const rangeShape = { rangeStart: text, rangeEnd: text, gateway: text };
const range = z.looseObject({ ...rangeShape, subnet: z.string() });
const cidr = z.union([z.cidrv4(), z.cidrv6()], "must be an IP address with a prefix length");
const ip = z.union([z.ipv4(), z.ipv6()], "must be an IP address");

/** A route as address management passes it on. */
export const routeSchema = z.looseObject({
  dst: cidr,
  gw: z.exactOptional(ip),
  mtu: number,
  advmss: number,
  priority: number,
  table: number,
  scope: number,
});

/** `args`, with the addresses that are asked for. */
export const requestedIpsSchema = z.looseObject({
  cni: z.exactOptional(z.looseObject({ ips: z.exactOptional(z.array(z.string())) })),
});

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const hostLocalConfig: Schema<HostLocalConfig> = miniSchema(
  z.object({
    ipam: z.looseObject({
      ...rangeShape,
      subnet: text,
      ranges: z.exactOptional(z.array(z.array(range).check(z.minLength(1, "must hold a range")))),
      routes: z.exactOptional(z.array(routeSchema)),
      resolvConf: text,
      dataDir: text,
      avoidOtherNetworks: z.exactOptional(z.boolean()),
    }),
    args: z.exactOptional(requestedIpsSchema),
  }),
);
