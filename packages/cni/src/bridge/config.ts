import type { Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import { interfaceNamePattern } from "@kx/core/contracts/cni";
import * as z from "zod/mini";
import { macSchema } from "./config-mac.ts";
import { type MasqueradeConfig, masqueradeShape } from "./config-masquerade.ts";
import { type VlanTrunk, vlanSchema, vlanTrunkSchema } from "./config-vlan.ts";
import { isObject } from "./config-when.ts";

/** The fields of kx-bridge, with their defaults filled in. */
export interface BridgeConfig extends MasqueradeConfig {
  /** The bridge's name. It is made if it is not there, and never deleted. Default: cni0. */
  readonly bridge: string;
  /** Whether the bridge has the gateways' addresses, and the host passes packets on. Default: no. */
  readonly isGateway: boolean;
  /** As `isGateway`, and containers have a default route through it. Default: no. */
  readonly isDefaultGateway: boolean;
  /** Whether other addresses of the bridge that are in the way are removed. Default: an error. */
  readonly forceAddress: boolean;
  /** Of the bridge, if it is made, and of both ends of each attachment. Default: 0, the kernel's own. */
  readonly mtu: number;
  /** Whether a port sends back what came in by it. Default: no. */
  readonly hairpinMode: boolean;
  /** Whether the bridge takes frames for others too. Default: no. */
  readonly promiscMode: boolean;
  /** What containers send and get without a tag is of this VLAN. Default: 0, none. */
  readonly vlan: number;
  /** What containers send and get with a tag. Default: nothing. */
  readonly vlanTrunk?: readonly VlanTrunk[];
  /** Whether a port with VLANs stays in the bridge's default one too. Default: no. */
  readonly preserveDefaultVlan: boolean;
  /** Whether only the container's own MAC address may send. Default: no. */
  readonly macspoofchk: boolean;
  /** Whether it is asked if others have the IPv6 addresses. Default: no. */
  readonly enabledad: boolean;
  /** Whether the container's end is left down; only without `ipam`. Default: no. */
  readonly disableContainerInterface: boolean;
  /** Whether containers of this network cannot reach each other. Default: no. */
  readonly portIsolation: boolean;
}

const flag = z.prefault(z.boolean(), false);
const asksFor = z.exactOptional(z.looseObject({ mac: z.exactOptional(macSchema) }));

/** 0 for the kernel's own. The least is that of IPv4, the most that of a pair of interfaces. */
export const mtuSchema = z.prefault(
  z.int().check(z.refine((mtu) => mtu === 0 || (mtu >= 68 && mtu <= 65_535), "must be from 68 to 65535, or 0")),
  0,
);

/** `ipam`: with anything in it, it must say whose it is. */
export const ipamSchema = z.exactOptional(
  z.looseObject({ type: z.exactOptional(z.string()) }).check(
    z.refine((ipam) => Object.keys(ipam).length === 0 || "type" in ipam, {
      message: "must have a type: the plug-in that gives addresses",
      when: isObject,
    }),
  ),
);

const shape = z.object({
  bridge: z.prefault(
    z
      .string()
      .check(
        z.refine(
          (name) => interfaceNamePattern.test(name) && Buffer.byteLength(name) <= 15,
          "must be an interface's name of 1 to 15 bytes",
        ),
      ),
    "cni0",
  ),
  isGateway: flag,
  isDefaultGateway: flag,
  forceAddress: flag,
  ...masqueradeShape,
  mtu: mtuSchema,
  hairpinMode: flag,
  promiscMode: flag,
  vlan: vlanSchema,
  vlanTrunk: z.exactOptional(vlanTrunkSchema),
  preserveDefaultVlan: flag,
  macspoofchk: flag,
  enabledad: flag,
  disableContainerInterface: flag,
  portIsolation: flag,
  ipam: ipamSchema,
  args: z.exactOptional(z.looseObject({ cni: asksFor })),
  runtimeConfig: asksFor,
});

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const bridgeConfig: Schema<BridgeConfig> = miniSchema(
  shape.check(
    z.refine(({ hairpinMode, promiscMode }) => !(hairpinMode && promiscMode), {
      path: ["hairpinMode"],
      message: "must not be set together with promiscMode",
      when: isObject,
    }),
    z.refine(({ ipam, disableContainerInterface }) => !(disableContainerInterface && ipam?.type), {
      path: ["disableContainerInterface"],
      message: "must not be set together with ipam: an interface that is down has no addresses",
      when: isObject,
    }),
  ),
);
