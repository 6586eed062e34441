import type { Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import type { Dns, FullRoute } from "@kx/core/contracts/cni";
import * as z from "zod/mini";
import { requestedIpsSchema, routeSchema } from "../host-local/config.ts";

/** An address that every container of the network gets. */
export interface StaticAddress {
  /** With the length of its prefix. */
  readonly address: string;
  readonly gateway?: string;
}

/** The fields of kx-static. */
export interface StaticConfig {
  readonly ipam: {
    readonly addresses?: readonly StaticAddress[];
    /** Given to the container as they are. */
    readonly routes?: readonly FullRoute[];
    readonly dns?: Dns;
  };
  readonly args?: {
    readonly cni?: {
      /** Addresses in place of those of `ipam`, with the length of their prefix. */
      readonly ips?: readonly string[];
    };
  };
}

const texts = z.exactOptional(z.array(z.string()));

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const staticConfig: Schema<StaticConfig> = miniSchema(
  z.object({
    ipam: z.looseObject({
      addresses: z.exactOptional(z.array(z.looseObject({ address: z.string(), gateway: z.exactOptional(z.string()) }))),
      routes: z.exactOptional(z.array(routeSchema)),
      dns: z.exactOptional(
        z.looseObject({ nameservers: texts, domain: z.exactOptional(z.string()), search: texts, options: texts }),
      ),
    }),
    args: z.exactOptional(requestedIpsSchema),
  }),
);
