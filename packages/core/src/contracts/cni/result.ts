import * as z from "zod/mini";
import { miniSchema } from "../../config/mini-schema.ts";
import type { Schema } from "../../schema.ts";
import { cidr, type Dns, dns, type FullRoute, fullRoute, ip, type Route, route } from "./addresses.ts";
import type { CniVersion } from "./versions.ts";

/** The address of one family, in results of 0.1.0 and 0.2.0. */
export interface FamilyConfig {
  /** With the length of its prefix. */
  readonly ip: string;
  readonly gateway?: string;
  readonly routes?: readonly Route[];
}

/** What ADD gives in 0.1.0 and 0.2.0. */
export interface Result020 {
  readonly cniVersion?: string;
  readonly ip4?: FamilyConfig;
  readonly ip6?: FamilyConfig;
  readonly dns?: Dns;
}

/** An interface that a plug-in made, until 1.0.0. */
export interface Interface {
  readonly name: string;
  readonly mac?: string;
  /** The path of its network namespace; empty or absent for the host's. */
  readonly sandbox?: string;
}

/** An address that a plug-in gave. */
export interface IpConfig {
  /** With the length of its prefix. */
  readonly address: string;
  readonly gateway?: string;
  /** Index of its interface in `interfaces`; absent in results of address management. */
  readonly interface?: number;
}

/** What ADD gives in 0.3.0 to 0.4.0: addresses tell their family. */
export interface Result040 {
  readonly cniVersion?: string;
  readonly interfaces?: readonly Interface[];
  readonly ips?: readonly (IpConfig & { readonly version: "4" | "6" })[];
  readonly routes?: readonly Route[];
  readonly dns?: Dns;
}

/** What ADD gives in 1.0.0. */
export interface Result100 {
  readonly cniVersion?: string;
  readonly interfaces?: readonly Interface[];
  readonly ips?: readonly IpConfig[];
  readonly routes?: readonly Route[];
  readonly dns?: Dns;
}

/** An interface that a plug-in made, as of 1.1.0. */
export interface FullInterface extends Interface {
  readonly mtu?: number;
  /** Of a vhost-user interface. */
  readonly socketPath?: string;
  readonly pciID?: string;
}

/** What ADD gives in 1.1.0. */
export interface Result110 {
  readonly cniVersion?: string;
  readonly interfaces?: readonly FullInterface[];
  readonly ips?: readonly IpConfig[];
  readonly routes?: readonly FullRoute[];
  readonly dns?: Dns;
}

/** The result of each version. */
export interface CniResults {
  readonly "0.1.0": Result020;
  readonly "0.2.0": Result020;
  readonly "0.3.0": Result040;
  readonly "0.3.1": Result040;
  readonly "0.4.0": Result040;
  readonly "1.0.0": Result100;
  readonly "1.1.0": Result110;
}

const cniVersion = z.exactOptional(z.string());
const text = z.exactOptional(z.string());
const index = z.int().check(z.nonnegative());

const family = z.looseObject({
  ip: cidr,
  gateway: z.exactOptional(ip),
  routes: z.exactOptional(z.array(route)),
});
const result020 = z.looseObject({
  cniVersion,
  ip4: z.exactOptional(family),
  ip6: z.exactOptional(family),
  dns: z.exactOptional(dns),
});

const madeInterface = z.looseObject({ name: z.string(), mac: text, sandbox: text });
const ipConfig = z.looseObject({
  address: cidr,
  gateway: z.exactOptional(ip),
  interface: z.exactOptional(index),
});
const result100 = z.looseObject({
  cniVersion,
  interfaces: z.exactOptional(z.array(madeInterface)),
  ips: z.exactOptional(z.array(ipConfig)),
  routes: z.exactOptional(z.array(route)),
  dns: z.exactOptional(dns),
});
const result040 = z.extend(result100, {
  ips: z.exactOptional(z.array(z.extend(ipConfig, { version: z.enum(["4", "6"]) }))),
});
const fullInterface = z.extend(madeInterface, {
  mtu: z.exactOptional(index),
  socketPath: text,
  pciID: text,
});
const result110 = z.extend(result100, {
  interfaces: z.exactOptional(z.array(fullInterface)),
  routes: z.exactOptional(z.array(fullRoute)),
});

/** The schema of each version's result. Fields that a version does not know are kept, as the next plug-in may know them. */
export const cniResults: { readonly [Version in CniVersion]: Schema<CniResults[Version]> } = {
  "0.1.0": miniSchema(result020),
  "0.2.0": miniSchema(result020),
  "0.3.0": miniSchema(result040),
  "0.3.1": miniSchema(result040),
  "0.4.0": miniSchema(result040),
  "1.0.0": miniSchema(result100),
  "1.1.0": miniSchema(result110),
};

/** What VERSION gives. */
export interface VersionResult {
  readonly cniVersion: string;
  readonly supportedVersions: readonly string[];
}

export const versionResult: Schema<VersionResult> = miniSchema(
  z.looseObject({
    cniVersion: z.string(),
    supportedVersions: z.array(z.string()),
  }),
);
