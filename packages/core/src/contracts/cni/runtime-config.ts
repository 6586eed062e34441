import * as z from "zod/mini";
import { isRecord } from "../../is-record.ts";
import { cidr, ip } from "./addresses.ts";

/** A port of the host that leads to one of the container. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol?: string;
  /** Empty or absent: every address of the host. */
  readonly hostIP?: string;
}

/** A range that an address may come from. */
export interface IpRange {
  readonly subnet: string;
  readonly rangeStart?: string;
  readonly rangeEnd?: string;
  readonly gateway?: string;
}

/** Limits as seen from the container: rates in bits per second, bursts in bits. */
export interface Bandwidth {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
}

/** What a runtime fills in, if the configuration declares the capability of that name (CONVENTIONS.md). */
export interface RuntimeConfig {
  readonly portMappings?: readonly PortMapping[];
  /** One address is given out of each inner list. */
  readonly ipRanges?: readonly (readonly IpRange[])[];
  readonly bandwidth?: Bandwidth;
  readonly dns?: {
    readonly servers?: readonly string[];
    readonly searches?: readonly string[];
    readonly options?: readonly string[];
  };
  /** With the length of their prefix, if the plug-in needs it. */
  readonly ips?: readonly string[];
  readonly mac?: string;
  readonly infinibandGUID?: string;
  readonly deviceID?: string;
  readonly aliases?: readonly string[];
  readonly cgroupPath?: string;
}

/** containerd writes these keys as Go spells its fields, since Go's decoder does not look at case: HostPort. */
function lowerFirst(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerFirst);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.charAt(0).toLowerCase() + key.slice(1), item]),
  );
}

const anyCase = <S extends z.core.$ZodType>(schema: S) => z.pipe(z.transform(lowerFirst), schema);
const port = z.int().check(z.nonnegative(), z.maximum(65_535));
const bits = z.exactOptional(z.int().check(z.nonnegative()));
// Go writes an empty text, or null for a list, where nothing was set.
const ipOrEmpty = z.exactOptional(z.union([z.literal(""), ip], "must be an IP address"));
const texts = z.exactOptional(
  z.pipe(
    z.nullable(z.array(z.string())),
    z.transform((list) => list ?? []),
  ),
);

export const runtimeConfig = z.looseObject({
  portMappings: z.exactOptional(
    anyCase(
      z.array(
        z.looseObject({
          hostPort: port,
          containerPort: port,
          protocol: z.exactOptional(z.string()),
          hostIP: ipOrEmpty,
        }),
      ),
    ),
  ),
  ipRanges: z.exactOptional(
    anyCase(
      z.array(z.array(z.looseObject({ subnet: cidr, rangeStart: ipOrEmpty, rangeEnd: ipOrEmpty, gateway: ipOrEmpty }))),
    ),
  ),
  bandwidth: z.exactOptional(
    anyCase(z.looseObject({ ingressRate: bits, ingressBurst: bits, egressRate: bits, egressBurst: bits })),
  ),
  dns: z.exactOptional(anyCase(z.looseObject({ servers: texts, searches: texts, options: texts }))),
  ips: z.exactOptional(z.array(z.union([ip, cidr], "must be an IP address"))),
  mac: z.exactOptional(z.string()),
  infinibandGUID: z.exactOptional(z.string()),
  deviceID: z.exactOptional(z.string()),
  aliases: z.exactOptional(z.array(z.string())),
  cgroupPath: z.exactOptional(z.string()),
});
