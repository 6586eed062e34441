import type { Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import * as z from "zod/mini";
import { ipamSchema, mtuSchema } from "../bridge/config.ts";
import { type MasqueradeConfig, masqueradeShape } from "../bridge/config-masquerade.ts";

/** The fields of kx-ptp, with their defaults filled in. */
export interface PtpConfig extends MasqueradeConfig {
  /** Of both ends. Default: 0, the kernel's own. */
  readonly mtu: number;
}

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const ptpConfig: Schema<PtpConfig> = miniSchema(
  z.object({ ...masqueradeShape, mtu: mtuSchema, ipam: ipamSchema }).check(
    z.refine(({ ipam }) => Boolean(ipam?.type), {
      message: "ipam is required, with the type of the plug-in that gives addresses",
      when: ({ value }) => !isWrongIpam(value),
    }),
  ),
);

/** Its own problem is told already. */
function isWrongIpam(value: unknown): boolean {
  const ipam: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "ipam") : undefined;
  return typeof ipam === "object" && ipam !== null && Object.keys(ipam).length > 0;
}
