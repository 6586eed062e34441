import { KxError, type Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import * as z from "zod/mini";
import type { IngressPolicy } from "./data-path.ts";

/** The fields of kx-firewall. */
export interface FirewallConfig {
  /** Only `nftables`, which is the default. */
  readonly backend?: string;
  /**
   * Who may reach the containers of a bridge from the node's networks: `open`, everybody; `same-bridge`, not those of other
   * bridges that have a policy; `isolated`, not those of the same bridge either. Default: open.
   */
  readonly ingressPolicy?: IngressPolicy;
  /** Of iptables: refused. */
  readonly iptablesAdminChainName?: string;
  /** Of firewalld: it is read, and needed for nothing here. */
  readonly firewalldZone?: string;
}

const text = z.exactOptional(z.string());
const policy = "must be open, same-bridge or isolated";

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const firewallConfig: Schema<FirewallConfig> = miniSchema(
  z.object({
    backend: z.exactOptional(z.enum(["", "nftables", "iptables", "firewalld"], "must be nftables")),
    ingressPolicy: z.exactOptional(
      z.pipe(
        z.enum(["", "open", "same-bridge", "isolated"], policy),
        z.transform((value) => (value === "" ? "open" : value)),
      ),
    ),
    iptablesAdminChainName: text,
    firewalldZone: text,
  }),
);

/** @throws KxError `KX_CNI_UNSUPPORTED`, with all that is asked for and not there. */
export function requireSupported({ backend = "", iptablesAdminChainName = "" }: FirewallConfig): void {
  const unsupported = [
    ...(backend === "iptables" || backend === "firewalld"
      ? [
          {
            field: "backend",
            value: backend,
            remedy:
              'set backend to "nftables", which also opens the FORWARD chains of iptables (nf_tables); in firewalld, ' +
              "put the containers' addresses into the zone trusted yourself",
          },
        ]
      : []),
    ...(iptablesAdminChainName === ""
      ? []
      : [
          {
            field: "iptablesAdminChainName",
            value: iptablesAdminChainName,
            remedy: "leave it out, and put your rules into the chain admin of the table inet kx_firewall",
          },
        ]),
  ];
  if (unsupported.length === 0) return;
  const what = unsupported.map(({ field, value }) => `${field} ${JSON.stringify(value)}`).join(" and ");
  throw new KxError("KX_CNI_UNSUPPORTED", `kx-firewall does not support ${what}: it works with nftables alone`, {
    remedy: unsupported.map(({ remedy }) => remedy).join("; "),
    details: { fields: unsupported.map(({ field }) => field) },
  });
}
