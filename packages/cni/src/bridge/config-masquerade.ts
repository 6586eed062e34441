import { KxError } from "@kx/core";
import * as z from "zod/mini";
import type { MasqueradeKind } from "./data-path-types.ts";

/** How what leaves the network goes out as the host's: `ipMasq` of the plug-ins that give addresses. */
export interface MasqueradeConfig {
  /** Whether it does. Default: no. */
  readonly ipMasq: boolean;
  /** `nftables`, or `iptables` by its programs, with a chain for each container as the Go plug-ins make it. Default: `nftables`. */
  readonly ipMasqBackend?: string;
  /**
   * Of nftables. `sets`: a rule a subnet, and an element of a set for each container. `upstream`: the table of the Go plug-ins, with a rule
   * for each container. Default: `sets`.
   */
  readonly ipMasqLayout: Exclude<MasqueradeKind, "iptables">;
}

export const masqueradeShape = {
  ipMasq: z.prefault(z.boolean(), false),
  ipMasqBackend: z.exactOptional(z.string()),
  ipMasqLayout: z.prefault(z.enum(["sets", "upstream"], "must be sets or upstream"), "sets"),
};

/**
 * What an attachment with addresses is to have; undefined if nothing.
 *
 * @throws KxError `KX_CNI_UNSUPPORTED`.
 */
export function masqueradeKind({ ipMasq, ipMasqBackend, ipMasqLayout }: MasqueradeConfig): MasqueradeKind | undefined {
  if (!ipMasq) return undefined;
  if (["nftables", "", undefined].includes(ipMasqBackend)) return ipMasqLayout;
  if (ipMasqBackend === "iptables") return "iptables";
  throw new KxError("KX_CNI_UNSUPPORTED", `ipMasqBackend ${JSON.stringify(ipMasqBackend)} is not supported`, {
    remedy: "leave it out, or set it to nftables or iptables",
    details: { field: "ipMasqBackend", value: ipMasqBackend },
  });
}
