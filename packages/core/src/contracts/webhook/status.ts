import * as z from "zod/mini";

/** How a call went, as Kubernetes' meta/v1 tells it: the part that webhooks use. */
export interface Status {
  readonly status?: "Success" | "Failure";
  /** For people. */
  readonly message?: string;
  /** For machines: NotFound, Invalid. */
  readonly reason?: string;
  /** An HTTP status. */
  readonly code?: number;
}

export const status = z.looseObject({
  status: z.exactOptional(z.enum(["Success", "Failure"])),
  message: z.exactOptional(z.string()),
  reason: z.exactOptional(z.string()),
  code: z.exactOptional(z.int()),
});
