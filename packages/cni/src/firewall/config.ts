import { KxError, type Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import * as z from "zod/mini";
import type { IngressPolicy } from "./data-path.ts";

/** The fields of kx-firewall. */
export interface FirewallConfig {
  /** `nftables`, or `iptables` by its programs. Default: `iptables` with `iptablesAdminChainName`, else `nftables`. */
  readonly backend?: string;
  /**
   * Who may reach the containers of a bridge from the node's networks: `open`, everybody; `same-bridge`, not those of other
   * bridges that have a policy; `isolated`, not those of the same bridge either. Default: open.
   */
  readonly ingressPolicy?: IngressPolicy;
  /** Of iptables: the chain for the administrator's own rules. Default: CNI-ADMIN. */
  readonly iptablesAdminChainName?: string;
  /** Of firewalld, which is refused: it is read, and needed for nothing here. */
  readonly firewalldZone?: string;
}

const text = z.exactOptional(z.string());
/** XT_EXTENSION_MAXNAMELEN, with a NUL. */
const chainNamePattern = /^(?![-!])[^\s"'\\]{0,28}$/;
const chainName = z.string().check(z.regex(chainNamePattern, "must be the name of a chain, at most 28 letters"));
const policy = "must be open, same-bridge or isolated";

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const firewallConfig: Schema<FirewallConfig> = miniSchema(
  z.object({
    backend: z.exactOptional(z.enum(["", "nftables", "iptables", "firewalld"], "must be nftables or iptables")),
    ingressPolicy: z.exactOptional(
      z.pipe(
        z.enum(["", "open", "same-bridge", "isolated"], policy),
        z.transform((value) => (value === "" ? "open" : value)),
      ),
    ),
    iptablesAdminChainName: z.exactOptional(chainName),
    firewalldZone: text,
  }),
);

/**
 * What lets a container's packets through.
 *
 * @throws KxError `KX_CNI_UNSUPPORTED`.
 */
export function firewallKind({ backend = "", iptablesAdminChainName = "" }: FirewallConfig): "nftables" | "iptables" {
  if (backend === "firewalld") {
    throw unsupported(
      "backend",
      backend,
      'set backend to "nftables" or "iptables", and let firewalld trust containers itself',
    );
  }
  if (backend === "iptables" || (backend === "" && iptablesAdminChainName !== "")) return "iptables";
  if (iptablesAdminChainName === "") return "nftables";
  throw unsupported(
    "iptablesAdminChainName",
    iptablesAdminChainName,
    'set backend to "iptables", or put your rules into the chain admin of the table inet kx_firewall',
  );
}

function unsupported(field: string, value: string, remedy: string): KxError {
  return new KxError("KX_CNI_UNSUPPORTED", `kx-firewall does not support ${field} ${JSON.stringify(value)} here`, {
    remedy,
    details: { field, value },
  });
}
